//! Random histories, driven through the store on a disk and the model alike: the same answers, and what must never happen does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::id::Jti;
use crate::revocation::Revocation;

#[derive(Clone, Debug)]
enum Act {
    Open { who: u8, at: u8, slot: bool, short: bool, key: Option<(u8, u8)>, known: u16 },
    Refresh { which: Index, behind: i8, oddity: u8, strict: bool, known: u16 },
    Revoke { what: u8, which: Index, who: u8, at: u8, extent: bool, key: Option<(u8, u8)>, known: u16 },
    Patch { which: Index, value: u8, narrow: bool },
    PatchSubject { who: u8, value: u8, void: bool },
    Stamp { who: u8, at: u8, known: u16 },
    Spend(u8),
    Key { kid: u8, forget: bool },
    Advance(u32),
    Back(u32),
    Pass(u8),
    Sweep,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let key = || proptest::option::weighted(0.3, (0..3_u8, 0..2_u8));
    // Rarely does a caller know more than the store.
    let known = || prop_oneof![9 => Just(0_u16), 1 => 0..20_000_u16];
    prop_oneof![
        6 => (0..2_u8, 0..2_u8, any::<bool>(), any::<bool>(), key(), known())
            .prop_map(|(who, at, slot, short, key, known)| Act::Open { who, at, slot, short, key, known }),
        12 => (any::<Index>(), -1..4_i8, 0..12_u8, any::<bool>(), known())
            .prop_map(|(which, behind, oddity, strict, known)| Act::Refresh { which, behind, oddity, strict, known }),
        4 => (0..8_u8, any::<Index>(), 0..2_u8, 0..2_u8, any::<bool>(), key(), known())
            .prop_map(|(what, which, who, at, extent, key, known)| Act::Revoke { what, which, who, at, extent, key, known }),
        2 => (any::<Index>(), 0..4_u8, any::<bool>()).prop_map(|(which, value, narrow)| Act::Patch { which, value, narrow }),
        1 => (0..2_u8, 0..4_u8, any::<bool>()).prop_map(|(who, value, void)| Act::PatchSubject { who, value, void }),
        1 => (0..2_u8, 0..2_u8, known()).prop_map(|(who, at, known)| Act::Stamp { who, at, known }),
        1 => (0..3_u8).prop_map(Act::Spend),
        1 => (0..2_u8, any::<bool>()).prop_map(|(kid, forget)| Act::Key { kid, forget }),
        3 => (0..40_000_u32).prop_map(Act::Advance),
        1 => prop_oneof![0..2_000_u32, 0..4_000_000_u32].prop_map(Act::Back),
        3 => (0..140_u8).prop_map(Act::Pass),
        2 => Just(Act::Sweep),
        1 => Just(Act::Restart),
    ]
}

/// Both stores, one clock, and what has been seen of them.
struct Pair {
    disk: OnDisk,
    embedded: Option<Bench<Embedded>>,
    model: Bench<Model>,
    clock: Arc<ManualClock>,
    opened: Vec<Session>,
    rotated: BTreeSet<(Sid, u32)>,
    generations: BTreeMap<Sid, u32>,
    last_epoch: Stamp,
    last_reading: Stamp,
    told: BTreeSet<Revocation>,
}

/// Asks both, and gives the one answer.
macro_rules! both {
    ($pair:ident, |$on:ident| $ask:expr) => {{
        let from_disk = {
            let $on = $pair.embedded.as_ref().expect("open");
            $ask.await
        };
        let from_model = {
            let $on = &$pair.model;
            $ask.await
        };
        same(&from_disk, &from_model);
        from_disk
    }};
}

fn same<T: PartialEq + Debug>(disk: &T, model: &T) {
    assert_eq!(disk, model, "the disk says left, the model right");
}

impl Pair {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)));
        let (disk, entropy, model_entropy) = (OnDisk::empty(&clock), Counting::default(), Counting::default());
        let embedded = Bench { store: Arc::new(disk.start(&clock, &entropy, settings())), clock: clock.clone(), entropy };
        let model = Arc::new(InMemory.start(&clock, &model_entropy, settings()));
        let model = Bench { store: model, clock: clock.clone(), entropy: model_entropy };
        Self {
            disk,
            embedded: Some(embedded),
            model,
            clock,
            opened: Vec::new(),
            rotated: BTreeSet::new(),
            generations: BTreeMap::new(),
            last_epoch: Stamp::ZERO,
            last_reading: Stamp::ZERO,
            told: BTreeSet::new(),
        }
    }

    fn known(&self, ahead: u16) -> Known {
        if ahead == 0 {
            return Known::default();
        }
        let reading = Stamp::from_millis(self.clock.wall().millis()).plus(ahead.into());
        let mut epochs = Epochs::default();
        if ahead.is_multiple_of(3) {
            epochs.subject.raise(Extent::Sessions, reading);
        }
        if ahead.is_multiple_of(5) {
            epochs.client.raise(Extent::Sessions, reading);
        }
        Known { reading, epochs }
    }

    async fn act(&mut self, act: &Act) {
        match act.clone() {
            Act::Open { .. } => self.open(act).await,
            Act::Refresh { .. } => self.refresh(act).await,
            Act::Revoke { .. } => self.revoke(act).await,
            Act::Patch { which, value, narrow } => {
                let Some(sid) = self.pick(which).map(|session| session.sid) else { return };
                drop(both!(self, |on| on.store.patch(sid, patch(value, narrow), Known::default())));
            }
            Act::PatchSubject { who, value, void } => self.patch_subject(who, value, void).await,
            Act::Stamp { who, at, known } => {
                let known = self.known(known);
                let stamp = both!(self, |on| on.store.stamp(name(who), name(at), known)).expect("the store works");
                assert!(stamp >= self.last_reading.max(known.reading), "stamps never go back");
            }
            Act::Spend(id) => drop(both!(self, |on| on.store.spend([id; 32], WINDOW))),
            Act::Key { kid, forget: false } => drop(both!(self, |on| on.store.remember_key(name(kid)))),
            Act::Key { kid, forget: true } => drop(both!(self, |on| on.store.forget_key(name(kid)))),
            Act::Advance(millis) => self.clock.advance(Duration::from_millis(millis.into())),
            Act::Back(millis) => self.clock.jump_to(self.clock.wall().minus(Duration::from_millis(millis.into()))),
            Act::Pass(seconds) => {
                for _ in 0..=seconds / 2 {
                    self.clock.advance(2 * SECOND);
                    self.beat().await;
                }
            }
            Act::Sweep => drop(both!(self, |on| on.sweep())),
            Act::Restart => self.restart(),
        }
    }

    async fn open(&mut self, act: &Act) {
        let Act::Open { who, at, slot, short, key: idempotency, known } = act.clone() else { return };
        let known = self.known(known);
        let session = Session { subject: name(who), client_id: name(at), slot: slot.then(|| "phone".to_owned()), ..session() };
        let answer = both!(self, |on| {
            let mut open = on.opening(session.clone());
            open.lifetime = if short { WINDOW } else { LIFETIME };
            open.sessions_per_slot = slot.then_some(2);
            open.idempotency = idempotency.and_then(|(at, request)| key(at, request));
            on.store.open(open, known)
        });
        if let Ok(Opened::New { session, stamp, displaced }) = answer {
            assert!(stamp >= self.last_reading && stamp > known.epochs.highest());
            self.told.extend(displaced.into_iter().map(|entry| entry.revocation));
            self.opened.push(*session);
        }
    }

    async fn refresh(&mut self, act: &Act) {
        let Act::Refresh { which, behind, oddity, strict, known } = act.clone() else { return };
        let Some(session) = self.pick(which) else { return };
        let current = self.generations.get(&session.sid).copied().unwrap_or_default();
        let mut request = token(&session, current.saturating_add_signed(-i32::from(behind.min(2))));
        match oddity {
            0 => request.secret_hash = [8; 32],
            1 => request.client_id = "other".to_owned(),
            2 => request.scope = Some(scopes("admin")),
            3 | 4 => request.authenticated = true,
            5 => request.rotates = false,
            _ => {}
        }
        if strict {
            (request.retry_window, request.rotation_pause) = (Duration::ZERO, Duration::ZERO);
        }
        let known = self.known(known);
        let answer = both!(self, |on| on.store.refresh(request.clone(), known)).expect("the store works");
        match answer {
            Refreshed::Granted { how, session, stamp } => {
                assert!(stamp >= self.last_reading && stamp > known.epochs.highest());
                assert!(session.generation >= current, "a generation never goes back");
                self.generations.insert(session.sid, session.generation);
                if how == Granted::Rotated {
                    assert!(self.rotated.insert((session.sid, request.generation)), "one successor a generation: one live leaf");
                }
            }
            Refreshed::Reused { entry, .. } => drop(self.told.insert(entry.revocation)),
            Refreshed::Gone(_) | Refreshed::Foreign | Refreshed::Refused(_) => {}
        }
    }

    async fn revoke(&mut self, act: &Act) {
        let Act::Revoke { what, which, who, at, extent, key: idempotency, known } = act.clone() else { return };
        let Some(session) = self.pick(which) else { return };
        let extent = if extent { Extent::Sessions } else { Extent::AccessTokens };
        let at_client = Target::SubjectAtClient { subject: name(who), client: name(at) };
        let what = match what {
            0 => Revocable::Token(Jti::new(session.sid.stamp(), &[who; 10])),
            1 => Revocable::Session(session.sid),
            2 => Revocable::Others { subject: session.subject, client: (at == 0).then(|| name(at)), except: session.sid },
            3 => Revocable::Key(name(who)),
            4 => Revocable::Epoch { target: Target::Subject(name(who)), extent },
            5 => Revocable::Epoch { target: at_client, extent },
            6 => Revocable::Epoch { target: Target::Client(name(at)), extent },
            _ => Revocable::Epoch { target: Target::All, extent },
        };
        let known = self.known(known);
        let answer = both!(self, |on| {
            let idempotency = idempotency.and_then(|(at, request)| key(at, request));
            on.store.revoke(Revoke { idempotency, ..on.revocation(what.clone()) }, known)
        });
        if let Ok(RevokeAnswer::Done { revoked, entries, .. }) = answer {
            both!(self, |on| on.store.revocation(revoked.id)).expect("the store works").expect("remembered");
            entries.into_iter().for_each(|entry| self.tell(entry));
        }
    }

    async fn patch_subject(&mut self, who: u8, value: u8, void: bool) {
        let answer = both!(self, |on| {
            let target = Target::Subject(name(who));
            let void = void.then(|| on.revocation(Revocable::Epoch { target, extent: Extent::AccessTokens }));
            on.store.patch_subject(name(who), None, patch(value, false), void)
        });
        if let Ok(SubjectPatched::Done { voided: Some(entry), .. }) = answer {
            self.tell(entry);
        }
    }

    async fn beat(&mut self) {
        let beat = both!(self, |on| on.store.heartbeat()).expect("the store works");
        assert!(beat.reading >= self.last_reading, "the reading never goes back");
        self.last_reading = beat.reading;
    }

    fn tell(&mut self, entry: LogEntry) {
        if let Revocation::Epoch { stamp, .. } = entry.revocation {
            assert!(stamp > self.last_epoch && stamp > self.last_reading, "epochs never decrease");
            self.last_epoch = stamp;
        }
        self.told.insert(entry.revocation);
    }

    fn restart(&mut self) {
        let Some(Bench { store, clock, entropy }) = self.embedded.take() else { return };
        drop(store);
        let store = Arc::new(self.disk.start(&clock, &entropy, settings()));
        self.embedded = Some(Bench { store, clock, entropy });
    }

    fn pick(&self, which: Index) -> Option<Session> {
        (!self.opened.is_empty()).then(|| which.get(&self.opened).clone())
    }

    /// Everything that can be read is the same, and the log says no more than callers were told.
    async fn agree(&self) {
        let log = both!(self, |on| on.store.log(Position::default(), 10_000)).expect("the store works");
        assert!(log.entries.iter().all(|entry| self.told.contains(&entry.revocation)));
        for active in [None, Some(true), Some(false)] {
            for subject in [None, Some(name(0)), Some(name(1))] {
                let filter = Filter { subject, client_id: None, active };
                drop(both!(self, |on| on.store.sessions(filter.clone(), None, 200)));
            }
        }
        for session in &self.opened {
            drop(both!(self, |on| on.store.session(session.sid)));
        }
        drop(both!(self, |on| on.store.keys()));
    }
}

fn name(n: u8) -> String {
    format!("name {n}")
}

fn patch(value: u8, narrow: bool) -> Patch {
    let claims = match value {
        0 => r#"{"role":null}"#.to_owned(),
        3 => format!(r#"{{"note":"{}"}}"#, "x".repeat(2_040)),
        _ => format!(r#"{{"role":{value}}}"#),
    };
    Patch { claims: Some(claims), scope: narrow.then(|| scopes("read")) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_disk_and_the_model_give_the_same_answers(history in proptest::collection::vec(act(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut pair = Pair::new();
            for act in &history {
                pair.act(act).await;
            }
            pair.agree().await;
            pair.restart();
            pair.agree().await;
        });
    }
}
