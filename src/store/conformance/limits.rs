//! Opening: repeatable, limited; and lists.

use super::*;

pub(super) async fn a_key_opens_one_session_however_many_call<S: Store>(on: Bench<S>) {
    let open = Open { idempotency: key(1, 1), ..on.opening(session()) };
    let answers = race(&on, 50, |store| {
        let open = open.clone();
        async move { store.open(open, Known::default()).await }
    })
    .await;
    let mut new = 0;
    let mut sids = std::collections::BTreeSet::new();
    for answer in answers {
        let session = match answer {
            Opened::New { session, .. } => {
                new += 1;
                session
            }
            Opened::Again { session, sealed, .. } => {
                assert_eq!(sealed, [1]);
                session
            }
            Opened::KeyReused => panic!("the same request"),
        };
        sids.insert(session.sid);
    }
    assert_eq!((new, sids.len()), (1, 1));
    let other = Open { idempotency: key(1, 2), ..open.clone() };
    assert_eq!(on.store.open(other, Known::default()).await, Ok(Opened::KeyReused));
    let sid = sids.into_iter().next().expect("one");
    on.revoke(Revocable::Session(sid)).await;
    let Ok(Opened::Again { session, .. }) = on.store.open(open, Known::default()).await else { panic!("not again") };
    assert_eq!(session.ended.map(|ended| ended.reason), Some(EndReason::Revoked), "as it is now");
}

pub(super) async fn one_session_too_many_displaces_the_one_unused_longest<S: Store>(on: Bench<S>) {
    let mut opened = Vec::new();
    for _ in 0..4 {
        opened.push(on.open(session()).await);
        on.clock.advance(SECOND);
    }
    on.present(&opened[0], 0).await;
    let bob = on.open(Session { subject: "bob".to_owned(), ..session() }).await;
    let (_, _, displaced) = on.opened(on.opening(Session { client_id: "web".to_owned(), ..session() })).await;
    assert_eq!(displaced.len(), 1);
    assert_eq!(on.end_of(&opened[1]).await, Some(EndReason::Displaced), "the first one was used since");
    assert_eq!(on.log().await.entries, displaced);
    for lives in [&opened[0], &opened[2], &opened[3], &bob] {
        assert_eq!(on.end_of(lives).await, None);
    }
}

pub(super) async fn a_client_displaces_its_own_sessions_before_those_of_others<S: Store>(on: Bench<S>) {
    let mut elsewhere = Vec::new();
    for _ in 0..3 {
        elsewhere.push(on.open(session()).await);
        on.clock.advance(SECOND);
    }
    for _ in 0..20 {
        on.open(Session { client_id: "web".to_owned(), ..session() }).await;
        on.clock.advance(SECOND);
    }
    for lives in &elsewhere {
        assert_eq!(on.end_of(lives).await, None, "however often another client opens");
    }
}

pub(super) async fn a_slot_has_a_limit_of_its_own<S: Store>(on: Bench<S>) {
    let phone = || Session { slot: Some("phone".to_owned()), ..session() };
    let in_slot = |session| Open { sessions_per_slot: Some(1), ..on.opening(session) };
    let (first, ..) = on.opened(in_slot(phone())).await;
    let (laptop, ..) = on.opened(in_slot(Session { slot: Some("laptop".to_owned()), ..session() })).await;
    let (elsewhere, ..) = on.opened(in_slot(Session { client_id: "web".to_owned(), ..phone() })).await;
    let (second, _, displaced) = on.opened(in_slot(phone())).await;
    assert_eq!((displaced.len(), on.end_of(&first).await), (1, Some(EndReason::Displaced)));
    for lives in [laptop, elsewhere, second] {
        assert_eq!(on.end_of(&lives).await, None);
    }
}

pub(super) async fn what_is_over_does_not_count<S: Store>(on: Bench<S>) {
    let mut first = Vec::new();
    for _ in 0..4 {
        first.push(on.open(session()).await);
    }
    on.epoch(subject("alice"), Extent::Sessions).await;
    for _ in 0..4 {
        assert_eq!(on.opened(on.opening(session())).await.2, []);
    }
    assert_eq!(on.end_of(&first[0]).await, Some(EndReason::SubjectRevoked));
    on.clock.advance(IDLE);
    assert_eq!(on.opened(on.opening(session())).await.2, [], "idle sessions do not count either");
}

pub(super) async fn the_same_random_bits_open_two_sessions<S: Store>(on: Bench<S>) {
    let open = on.opening(session());
    let (one, ..) = on.opened(open.clone()).await;
    let (two, stamp, _) = on.opened(open).await;
    assert_ne!(one.sid, two.sid);
    assert_eq!((two.sid.stamp(), one.sid.stamp()), (stamp, stamp), "no stamp runs ahead of what the next epoch covers");
    assert_eq!(on.session(&one).await, one);
}

pub(super) async fn lists_are_paged_in_the_order_of_ids<S: Store>(on: Bench<S>) {
    let mut sids = Vec::new();
    for n in 0..7 {
        sids.push(on.open(Session { subject: format!("user {n}"), ..session() }).await.sid);
        on.clock.advance(SECOND);
    }
    let (mut from, mut seen) = (None, Vec::new());
    loop {
        let page = on.store.sessions(Filter::default(), from, 3).await.expect("the store works");
        assert!(page.sessions.len() <= 3);
        seen.extend(page.sessions.into_iter().map(|session| session.sid));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(seen, sids);
}

pub(super) async fn lists_are_filtered<S: Store>(on: Bench<S>) {
    let (live, ended) = (on.open(session()).await, on.open(session()).await);
    let web = on.open(Session { client_id: "web".to_owned(), ..session() }).await;
    let bob = on.open(Session { subject: "bob".to_owned(), ..session() }).await;
    on.revoke(Revocable::Session(ended.sid)).await;
    let listed = async |subject: Option<&str>, client: Option<&str>, active| {
        let filter = Filter { subject: subject.map(str::to_owned), client_id: client.map(str::to_owned), active };
        let page = on.store.sessions(filter, None, 100).await.expect("the store works");
        page.sessions.into_iter().map(|session| session.sid).collect::<Vec<_>>()
    };
    assert_eq!(listed(Some("alice"), None, None).await, [live.sid, ended.sid, web.sid]);
    assert_eq!(listed(Some("alice"), Some("app"), Some(true)).await, [live.sid]);
    assert_eq!(listed(Some("alice"), None, Some(false)).await, [ended.sid]);
    assert_eq!(listed(None, Some("app"), Some(true)).await, [live.sid, bob.sid]);
    on.epoch(subject("bob"), Extent::Sessions).await;
    assert_eq!(listed(Some("bob"), None, Some(true)).await, []);
    assert_eq!(listed(Some("bob"), None, Some(false)).await, [bob.sid], "an epoch shows at once");
    assert_eq!(listed(Some("carol"), None, None).await, []);
}
