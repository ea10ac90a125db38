//! The log is the denylist: replaying it gives the whole state.

use super::*;
use crate::id::Jti;
use crate::revocation::View;

fn merged<'a>(entries: impl IntoIterator<Item = &'a LogEntry>) -> View {
    let view = View::new(&[7; 32]);
    for entry in entries {
        view.merge(&entry.revocation);
    }
    view
}

pub(super) async fn replaying_the_log_gives_what_was_revoked<S: Store>(on: Bench<S>) {
    let mut told = Vec::new();
    for n in 0..60_u64 {
        let opened = on.open(Session { subject: format!("user {}", n % 3), ..session() }).await;
        let extent = if n % 2 == 0 { Extent::Sessions } else { Extent::AccessTokens };
        let what = match n % 7 {
            0 => Revocable::Token(Jti::new(Stamp::from_millis(n), &[1; 10])),
            1 => Revocable::Session(opened.sid),
            2 => Revocable::Others { subject: opened.subject.clone(), client: None, except: opened.sid },
            3 => Revocable::Key(format!("key {}", n % 4)),
            4 => Revocable::Epoch { target: subject(&opened.subject), extent },
            5 => Revocable::Epoch { target: Target::Client("app".to_owned()), extent },
            _ => Revocable::Epoch { target: Target::All, extent },
        };
        told.extend(on.revoke(what).await.1);
        on.clock.advance(SECOND / 4);
    }
    let log = on.log().await;
    let displaced = log.entries.iter().filter(|entry| !told.contains(entry)).count();
    assert_eq!(displaced, 0, "no more in the log than what callers were told (nothing was displaced here)");
    assert_eq!(merged(&log.entries).contents(), merged(&told).contents());
    let mut backwards = log.entries.clone();
    backwards.reverse();
    assert_eq!(merged(&backwards).contents(), merged(&told).contents(), "in any order");
}

pub(super) async fn the_log_is_read_in_pages<S: Store>(on: Bench<S>) {
    assert!(!on.log().await.more);
    let mut told = Vec::new();
    for n in 0..10 {
        told.extend(on.revoke(Revocable::Token(Jti::new(Stamp::from_millis(n), &[1; 10]))).await.1);
    }
    let (mut position, mut seen, mut pages) = (Position::default(), Vec::new(), 0);
    loop {
        let page = on.store.log(position, 4).await.expect("the store works");
        assert!(!page.gap);
        position = page.position;
        seen.extend(page.entries);
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!((&seen, pages), (&told, 3));
    let middle = on.store.log(told[6].position.clone(), 100).await.expect("the store works");
    assert_eq!((&middle.entries[..], middle.gap), (&told[7..], false), "an entry's own position goes on after it");
    let end = on.store.log(position.clone(), 4).await.expect("the store works");
    assert_eq!((end.entries.len(), end.position, end.more, end.gap), (0, position, false, false));
}

pub(super) async fn a_position_of_another_life_is_a_gap<S: Store>(on: Bench<S>) {
    let (_, told) = on.revoke(Revocable::Key("kid".to_owned())).await;
    for foreign in ["0123456789abcdef.1", "nonsense", &format!("{}ff", told[0].position)] {
        let page = on.store.log(Position(foreign.to_owned()), 100).await.expect("the store works");
        assert_eq!((page.gap, &page.entries), (true, &told), "{foreign}: told, and read from the beginning");
    }
}

pub(super) async fn a_heartbeat_tells_how_far_the_store_has_come<S: Store>(on: Bench<S>) {
    let minute = Duration::from_secs(60);
    let first = on.beat().await.progress;
    assert_eq!(first.to_string().parse(), Ok(first), "it reads from what it prints");
    on.pass(SECOND).await;
    let later = on.beat().await.progress;
    assert!(later.has_been_at(first) && !first.has_been_at(later), "time alone shows which is the older copy");
    assert!(!later.is_news_after(first, minute) && later.is_news_after(first, SECOND));
    on.revoke(Revocable::Token(Jti::new(Stamp::from_millis(1), &[1; 10]))).await;
    let revoked = on.beat().await.progress;
    assert!(revoked.has_been_at(later) && !later.has_been_at(revoked));
    assert!(revoked.is_news_after(later, minute), "a revocation is news at once");
    on.pass(settings().keep_log + 2 * SECOND).await;
    on.sweep().await;
    assert!(on.beat().await.progress.has_been_at(revoked), "what was trimmed had been there");
    for foreign in ["000000000000feed 0 0".to_owned(), "nonsense".to_owned(), String::new(), format!("{first} 1")] {
        let been_there = foreign.parse().is_ok_and(|foreign| later.has_been_at(foreign));
        assert!(!been_there, "{foreign}: of another life, or nonsense");
    }
}

pub(super) async fn a_trimmed_stretch_is_a_gap<S: Store>(on: Bench<S>) {
    let (_, old) = on.revoke(Revocable::Token(Jti::new(Stamp::from_millis(1), &[1; 10]))).await;
    let (_, older) = on.revoke(Revocable::Token(Jti::new(Stamp::from_millis(2), &[1; 10]))).await;
    on.pass(settings().keep_log + 2 * SECOND).await;
    let (_, new) = on.revoke(Revocable::Token(Jti::new(Stamp::from_millis(3), &[1; 10]))).await;
    on.sweep().await;
    let from = async |position: &Position| on.store.log(position.clone(), 100).await.expect("the store works");
    let page = from(&old[0].position).await;
    assert_eq!((page.gap, &page.entries), (true, &new), "the second one was trimmed");
    assert!(!from(&older[0].position).await.gap, "nothing between it and the end was trimmed");
    let whole = from(&Position::default()).await;
    assert_eq!((whole.gap, whole.entries), (false, new), "from the beginning there is no gap");
}
