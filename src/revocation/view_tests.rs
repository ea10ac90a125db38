use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;

use super::super::{Epoch, Extent, Target};
use super::*;
use crate::id::{Jti, Stamp};

const KEEP: Retention = Retention { keep: Duration::from_secs(10) };

fn jti(millis: u64) -> Jti {
    Jti::new(Stamp::from_millis(millis), &[1; 10])
}

fn sid(millis: u64) -> Sid {
    Sid::in_shard(Stamp::from_millis(millis), 0, &[2; 10])
}

fn epoch(target: Target, extent: Extent, millis: u64) -> Revocation {
    Revocation::Epoch { target, extent, stamp: Stamp::from_millis(millis) }
}

fn origin(opened: Option<u64>, minted: u64) -> Origin<'static> {
    Origin { jti: jti(minted), sid: opened.map(sid), subject: "alice", client: "app", kid: "k" }
}

#[test]
fn an_epoch_over_sessions_spares_what_was_opened_later() {
    for (target, cause) in [
        (Target::All, Cause::All),
        (Target::Client("app".into()), Cause::Client),
        (Target::Subject("alice".into()), Cause::Subject),
        (Target::SubjectAtClient { subject: "alice".into(), client: "app".into() }, Cause::Subject),
    ] {
        let view = View::new(&[7; 32]);
        view.merge(&epoch(target, Extent::Sessions, 100));
        assert_eq!(view.judge(&origin(Some(100), 900)), Some(cause), "a late token of an old session");
        assert_eq!(view.judge(&origin(Some(101), 101)), None);
        assert_eq!(view.judge(&origin(None, 100)), Some(cause), "a token without a session counts from its minting");
        assert_eq!(view.judge(&origin(None, 101)), None);
    }
}

#[test]
fn a_user_with_the_name_of_a_client_is_not_the_client() {
    let named_alike = |opened: Option<u64>| Origin { client: "alice", ..origin(opened, 1) };
    let view = View::new(&[7; 32]);
    view.merge(&epoch(Target::Subject("alice".into()), Extent::Sessions, 100));
    assert_eq!(view.judge(&named_alike(None)), None, "the client's own");
    assert_eq!(view.judge(&named_alike(Some(1))), Some(Cause::Subject), "of a user of that name");
    view.merge(&epoch(Target::Client("alice".into()), Extent::Sessions, 100));
    assert_eq!(view.judge(&named_alike(None)), Some(Cause::Client));
}

#[test]
fn an_epoch_over_access_tokens_spares_what_was_minted_later() {
    let view = View::new(&[7; 32]);
    view.merge(&epoch(Target::Subject("alice".into()), Extent::AccessTokens, 100));
    assert_eq!(view.judge(&origin(Some(1), 100)), Some(Cause::Subject));
    assert_eq!(view.judge(&origin(Some(1), 101)), None);
    let other = Target::SubjectAtClient { subject: "alice".into(), client: "web".into() };
    view.merge(&epoch(other, Extent::AccessTokens, 500));
    assert_eq!(view.judge(&origin(Some(1), 101)), None, "another client of the same subject");
}

#[test]
fn epochs_never_decrease_and_merging_commutes() {
    let entries = [
        epoch(Target::All, Extent::Sessions, 5),
        epoch(Target::All, Extent::Sessions, 3),
        epoch(Target::Client("app".into()), Extent::AccessTokens, 9),
        Revocation::Token(jti(7)),
        Revocation::Session(sid(7)),
        Revocation::Key("k".into()),
    ];
    let (forth, back) = (View::new(&[1; 32]), View::new(&[2; 32]));
    entries.iter().for_each(|entry| _ = forth.merge(entry));
    entries.iter().rev().for_each(|entry| _ = back.merge(entry));
    assert_eq!(forth.contents(), back.contents());
    assert_eq!(forth.epochs("x", "y").all.sessions, Stamp::from_millis(5));
    assert!(!forth.merge(&entries[1]), "a lower epoch changes nothing");
}

#[test]
fn an_entry_outlives_a_clock_that_jumps_ahead() {
    let view = View::new(&[7; 32]);
    view.merge(&Revocation::Token(jti(7)));
    view.confirm(Duration::from_secs(3_600), KEEP);
    assert_eq!(view.judge(&origin(None, 7)), Some(Cause::Token), "an hour in one beat counts two seconds");
    (0..5).for_each(|_| view.confirm(Duration::from_secs(2), KEEP));
    assert_eq!(view.judge(&origin(None, 7)), None);
    assert!(view.is_empty());
}

#[test]
fn forgetting_an_old_epoch_keeps_the_newer_one() {
    let view = View::new(&[7; 32]);
    let target = Target::SubjectAtClient { subject: "alice".into(), client: "app".into() };
    view.merge(&epoch(target.clone(), Extent::Sessions, 1));
    (0..5).for_each(|_| view.confirm(Duration::from_secs(2), KEEP));
    view.merge(&epoch(target, Extent::Sessions, 50));
    view.confirm(Duration::from_secs(2), KEEP);
    assert_eq!(view.judge(&origin(Some(50), 60)), Some(Cause::Subject));
    (0..5).for_each(|_| view.confirm(Duration::from_secs(2), KEEP));
    assert!(view.is_empty() && view.contents().is_empty());
}

/// What a view must say, said by looking at every entry.
#[derive(Default)]
struct Naive {
    entries: Vec<(Duration, Revocation)>,
    confirmed: Duration,
}

impl Naive {
    fn merge(&mut self, revocation: &Revocation) -> bool {
        let new = match revocation {
            Revocation::Epoch { target, extent, stamp } => *stamp > self.highest(target, *extent),
            other => !self.all().any(|held| held == other),
        };
        if new {
            self.entries.push((self.confirmed, revocation.clone()));
        }
        new
    }

    fn confirm(&mut self, step: Duration, keep: Duration) {
        self.confirmed += step.min(Duration::from_secs(2));
        let confirmed = self.confirmed;
        self.entries.retain(|(age, held)| matches!(held, Revocation::Key(_)) || confirmed - *age <= keep);
    }

    fn judge(&self, origin: &Origin<'_>) -> Option<Cause> {
        let session = origin.sid.map(Revocation::Session);
        let is_of_nobody = origin.sid.is_none() && origin.subject == origin.client;
        let of = |target, cause| {
            let opened = origin.sid.map_or(origin.stamp(), |sid| sid.stamp());
            let void = opened <= self.highest(&target, Extent::Sessions) || origin.stamp() <= self.highest(&target, Extent::AccessTokens);
            void.then_some(cause)
        };
        let subject = if is_of_nobody { String::new() } else { origin.subject.to_owned() };
        let client = origin.client.to_owned();
        let key = self.all().any(|held| *held == Revocation::Key(origin.kid.to_owned())).then_some(Cause::Key);
        key.or_else(|| self.all().any(|held| *held == Revocation::Token(origin.jti)).then_some(Cause::Token))
            .or_else(|| self.all().any(|held| Some(held) == session.as_ref()).then_some(Cause::Session))
            .or_else(|| of(Target::All, Cause::All))
            .or_else(|| of(Target::Client(client.clone()), Cause::Client))
            .or_else(|| of(Target::Subject(subject.clone()), Cause::Subject))
            .or_else(|| of(Target::SubjectAtClient { subject, client }, Cause::Subject))
    }

    fn contents(&self) -> BTreeSet<Revocation> {
        let is_highest = |held: &&Revocation| match held {
            Revocation::Epoch { target, extent, stamp } => *stamp == self.highest(target, *extent),
            _ => true,
        };
        self.all().filter(is_highest).cloned().collect()
    }

    fn highest(&self, wanted: &Target, of: Extent) -> Stamp {
        let stamps = self.all().filter_map(|held| match held {
            Revocation::Epoch { target, extent, stamp } if target == wanted && *extent == of => Some(*stamp),
            _ => None,
        });
        stamps.max().unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &Revocation> {
        self.entries.iter().map(|(_, held)| held)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Merge(Revocation),
    Confirm { millis: u64, keep: u64 },
    Judge { jti: Jti, sid: Option<Sid>, subject: &'static str, client: &'static str, kid: &'static str },
}

/// Few of everything, so that histories meet themselves.
const NAMES: [&str; 4] = ["", "alice", "app", "a name of some length, longer than what one block of a hash takes in: \u{1f511}"];

fn small_jti() -> impl Strategy<Value = Jti> {
    (0_u64..6, 0_u8..3).prop_map(|(millis, random)| Jti::new(Stamp::from_millis(millis), &[random; 10]))
}

/// Some have the bytes that a token's id has as well.
fn small_sid() -> impl Strategy<Value = Sid> {
    (0_u64..6, 0_u8..3).prop_map(|(millis, random)| Sid::new(Stamp::from_millis(millis), &[random; 10]))
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn revocation() -> impl Strategy<Value = Revocation> {
    let target = prop_oneof![
        Just(Target::All),
        name().prop_map(|client| Target::Client(client.into())),
        name().prop_map(|subject| Target::Subject(subject.into())),
        (name(), name()).prop_map(|(subject, client)| Target::SubjectAtClient { subject: subject.into(), client: client.into() }),
    ];
    let extent = prop_oneof![Just(Extent::Sessions), Just(Extent::AccessTokens)];
    let epoch = (target, extent, 0_u64..6);
    prop_oneof![
        4 => small_jti().prop_map(Revocation::Token),
        4 => small_sid().prop_map(Revocation::Session),
        8 => epoch.prop_map(|(target, extent, millis)| Revocation::Epoch { target, extent, stamp: Stamp::from_millis(millis) }),
        1 => name().prop_map(|kid| Revocation::Key(kid.into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let origin = (small_jti(), prop::option::of(small_sid()), name(), name(), name());
    prop_oneof![
        4 => revocation().prop_map(Step::Merge),
        2 => (0_u64..2_500, 0_u64..9_000).prop_map(|(millis, keep)| Step::Confirm { millis, keep }),
        4 => origin.prop_map(|(jti, sid, subject, client, kid)| Step::Judge { jti, sid, subject, client, kid }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_view_says_what_looking_at_every_entry_says(steps in prop::collection::vec(step(), 1..120), hash_key: [u8; 32]) {
        let (view, mut naive) = (View::new(&hash_key), Naive::default());
        for step in steps {
            match &step {
                Step::Merge(revocation) => prop_assert_eq!(view.merge(revocation), naive.merge(revocation), "{:?}", step),
                Step::Confirm { millis, keep } => {
                    let (step, keep) = (Duration::from_millis(*millis), Duration::from_millis(*keep));
                    view.confirm(step, Retention { keep });
                    naive.confirm(step, keep);
                }
                Step::Judge { jti, sid, subject, client, kid } => {
                    let origin = Origin { jti: *jti, sid: *sid, subject, client, kid };
                    prop_assert_eq!(view.judge(&origin), naive.judge(&origin), "{:?}", step);
                    prop_assert_eq!(view.void_key(kid), naive.all().any(|held| *held == Revocation::Key((*kid).to_owned())));
                    let ended = sid.and_then(|sid| view.void_session(sid, subject, client));
                    let is_listed = sid.is_some_and(|sid| naive.all().any(|held| *held == Revocation::Session(sid)));
                    prop_assert_eq!(ended == Some(Cause::Session), is_listed);
                    let held = view.epochs(subject, client);
                    let at = |target| Epoch {
                        sessions: naive.highest(&target, Extent::Sessions), access_tokens: naive.highest(&target, Extent::AccessTokens)
                    };
                    let (subject, client) = ((*subject).to_owned(), (*client).to_owned());
                    prop_assert_eq!(held, Epochs {
                        all: at(Target::All),
                        client: at(Target::Client(client.clone())),
                        subject: at(Target::Subject(subject.clone())),
                        subject_at_client: at(Target::SubjectAtClient { subject, client }),
                    });
                }
            }
            prop_assert_eq!(view.len(), naive.entries.len());
            prop_assert_eq!(view.is_empty(), naive.entries.is_empty());
        }
        prop_assert_eq!(view.contents(), naive.contents());
    }
}

/// The `at`th of many: tokens, sessions and epochs of subjects, each different from all others.
fn nth(at: u64) -> Revocation {
    let random: [u8; 10] = std::array::from_fn(|byte| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (byte % 8 * 8)) as u8);
    let stamp = Stamp::from_millis(1 + at / 50);
    match at % 5 {
        0 | 1 => Revocation::Token(Jti::new(stamp, &random)),
        2 | 3 => Revocation::Session(Sid::new(stamp, &random)),
        _ => Revocation::Epoch {
            target: Target::Subject(format!("user-{at}")),
            extent: Extent::AccessTokens,
            stamp: Stamp::from_millis(at + 1),
        },
    }
}

fn holds(view: &View, entry: &Revocation) -> bool {
    let stamp = Stamp::from_millis(Stamp::ZERO.plus(u64::MAX).millis());
    let nobody = Jti::new(stamp, &[0xff; 10]);
    let of = |jti, sid| Origin { jti, sid, subject: "nobody", client: "app", kid: "k" };
    match entry {
        Revocation::Token(jti) => view.judge(&of(*jti, None)) == Some(Cause::Token),
        Revocation::Session(sid) => view.judge(&of(nobody, Some(*sid))) == Some(Cause::Session),
        Revocation::Epoch { target: Target::Subject(subject), stamp, .. } => {
            let held = view.epochs(subject, "app").subject.access_tokens;
            assert!(held == *stamp || held == Stamp::ZERO, "{subject} has {held:?}");
            held == *stamp
        }
        _ => unreachable!("nth gives no other"),
    }
}

#[test]
fn tables_that_grow_churn_and_shrink_lose_nothing_and_invent_nothing() {
    const WAVE: u64 = 4_000;
    let second = Duration::from_secs(1);
    let view = View::new(&[3; 32]);
    // The last three waves are kept; then none comes any more.
    for wave in 0..16_u64 {
        if wave < 10 {
            (wave * WAVE..(wave + 1) * WAVE).for_each(|at| assert!(view.merge(&nth(at)), "{at} is new"));
            (wave * WAVE..(wave + 1) * WAVE).step_by(7).for_each(|at| assert!(!view.merge(&nth(at)), "{at} is known"));
        }
        view.confirm(second, Retention { keep: 3 * second });
        let kept = (wave.saturating_sub(2).min(10) * WAVE)..((wave + 1).min(10) * WAVE);
        assert_eq!(view.len() as u64, kept.end.saturating_sub(kept.start), "in wave {wave}");
        for at in 0..(wave + 2) * WAVE {
            assert_eq!(holds(&view, &nth(at)), kept.contains(&at), "{at} in wave {wave}");
        }
        assert_eq!(view.contents(), kept.map(nth).collect(), "in wave {wave}");
    }
    assert!(view.is_empty());
}

#[test]
fn a_list_of_many_pages_leaves_nothing_out_when_the_oldest_are_forgotten() {
    let second = Duration::from_secs(1);
    let view = View::new(&[5; 32]);
    let token = |at: u64| Revocation::Token(Jti::new(Stamp::from_millis(at), &[5; 10]));
    let of_all = |at: u64| epoch(Target::All, Extent::Sessions, at);
    // Some four hundred a shard, and seven hundred of one target in one shard.
    let (old, new) = (1..20_000_u64, 20_000..120_000_u64);
    view.confirm(second, KEEP);
    old.for_each(|at| _ = view.merge(&token(at)));
    (1..1_000).for_each(|at| _ = view.merge(&of_all(at)));
    view.confirm(second, KEEP);
    new.clone().for_each(|at| _ = view.merge(&token(at)));
    (1_000..=1_700).for_each(|at| _ = view.merge(&of_all(at)));
    let until_only_the_new_are_left = 10;
    (0..until_only_the_new_are_left).for_each(|_| view.confirm(second, KEEP));
    assert_eq!(view.contents(), new.map(token).chain([of_all(1_700)]).collect());
}

#[test]
fn readers_beside_a_writer_miss_nothing_and_invent_nothing() {
    const WAVE: u64 = 2_000;
    const WAVES: u64 = 20;
    let second = Duration::from_secs(1);
    let (view, merged, kept_from) = (View::new(&[4; 32]), AtomicU64::new(0), AtomicU64::new(0));
    let done = std::sync::atomic::AtomicBool::new(false);
    let read = |seed: u64| {
        let mut random = seed;
        let mut asked = HashMap::from([("held", 0_u64), ("not", 0)]);
        while !done.load(Ordering::Acquire) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (from, to) = (kept_from.load(Ordering::Acquire), merged.load(Ordering::Acquire));
            let at = from + (random >> 33) % (to - from + 1);
            let is_held = holds(&view, &nth(at));
            // What was merged before is held, unless it has become old meanwhile.
            assert!(is_held || at >= to || at < kept_from.load(Ordering::Acquire), "{at} was missed");
            assert!(!holds(&view, &nth(at + WAVE * WAVES)), "{at} was invented");
            *asked.entry(if is_held { "held" } else { "not" }).or_default() += 1;
        }
        asked["held"]
    };
    let found: u64 = std::thread::scope(|scope| {
        let readers: Vec<_> = (1..=3).map(|seed| scope.spawn(move || read(seed))).collect();
        for wave in 0..WAVES {
            for at in wave * WAVE..(wave + 1) * WAVE {
                view.merge(&nth(at));
                merged.store(at + 1, Ordering::Release);
            }
            kept_from.store(wave.saturating_sub(2) * WAVE, Ordering::Release);
            view.confirm(second, Retention { keep: 3 * second });
            // Who lists meanwhile sees all that is there from beginning to end.
            let listed = view.contents();
            assert!((kept_from.load(Ordering::Acquire)..merged.load(Ordering::Acquire)).all(|at| listed.contains(&nth(at))));
        }
        done.store(true, Ordering::Release);
        readers.into_iter().map(|reader| reader.join().expect("a reader that found nothing wrong")).sum()
    });
    assert!(found > 0);
}
