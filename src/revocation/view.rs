//! The result of replaying the revocation log: what is void, and nothing else.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::{Cause, Epoch, Epochs, Extent, Judge, Revocation, Target};
use crate::id::{Jti, Origin, Sid, Stamp};

/// How long an entry is kept, and what one heartbeat may count for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// The largest access-token lifetime that was in force, 60 s of leeway, `hard_age` and an hour.
    pub keep: Duration,
}

impl Retention {
    /// The most that one confirmed heartbeat ages an entry: a clock that jumps ahead forgets nothing.
    pub const MAX_STEP: Duration = Duration::from_secs(2);
}

/// Everything that is revoked now. Merging is idempotent and commutes: two views of different histories can always be united.
#[derive(Clone, Default, Debug)]
pub struct View {
    tokens: HashSet<Jti>,
    sessions: HashSet<Sid>,
    subjects: HashMap<String, SubjectEpochs>,
    clients: HashMap<String, Epoch>,
    all: Epoch,
    keys: BTreeSet<String>,
    /// Oldest first: what was merged, and at which confirmed age.
    order: VecDeque<(Duration, Revocation)>,
    /// The sum of confirmed heartbeats, each at most [`Retention::MAX_STEP`].
    confirmed: Duration,
}

#[derive(Clone, Default, Debug)]
struct SubjectEpochs {
    everywhere: Epoch,
    at: HashMap<String, Epoch>,
}

impl View {
    /// Takes in one revocation; `false` when it was known already.
    pub fn merge(&mut self, revocation: &Revocation) -> bool {
        let new = match revocation {
            Revocation::Token(jti) => self.tokens.insert(*jti),
            Revocation::Session(sid) => self.sessions.insert(*sid),
            Revocation::Key(kid) => self.keys.insert(kid.clone()),
            Revocation::Epoch { target, extent, stamp } => {
                let held = self.epoch_mut(target);
                let before = *held;
                held.raise(*extent, *stamp);
                before != *held
            }
        };
        // A key's entry stays until the key itself is gone; there are few.
        if new && !matches!(revocation, Revocation::Key(_)) {
            self.order.push_back((self.confirmed, revocation.clone()));
        }
        new
    }

    /// Every epoch that concerns this subject at this client.
    pub fn epochs(&self, subject: &str, client: &str) -> Epochs {
        let held = self.subjects.get(subject);
        Epochs {
            all: self.all,
            client: self.clients.get(client).copied().unwrap_or_default(),
            subject: held.map(|held| held.everywhere).unwrap_or_default(),
            subject_at_client: held.and_then(|held| held.at.get(client)).copied().unwrap_or_default(),
        }
    }

    /// Whether anything that is known ends this session.
    pub fn void_session(&self, sid: Sid, subject: &str, client: &str) -> Option<Cause> {
        if self.sessions.contains(&sid) {
            return Some(Cause::Session);
        }
        self.epochs(subject, client).void_session(sid.stamp())
    }

    /// Whether everything that this key signed is void.
    pub fn void_key(&self, kid: &str) -> bool {
        self.keys.contains(kid)
    }

    /// Counts a confirmed heartbeat that came `step` after the one before, and forgets what can void nothing any more.
    pub fn confirm(&mut self, step: Duration, retention: Retention) {
        self.confirmed += step.min(Retention::MAX_STEP);
        while self.order.front().is_some_and(|(written, _)| self.confirmed.saturating_sub(*written) > retention.keep) {
            if let Some((_, revocation)) = self.order.pop_front() {
                self.forget(&revocation);
            }
        }
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.order.len() + self.keys.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything in it, in one order whatever the history: two views are equal when their contents are.
    pub fn contents(&self) -> BTreeSet<Revocation> {
        let mut contents = BTreeSet::new();
        contents.extend(self.tokens.iter().copied().map(Revocation::Token));
        contents.extend(self.sessions.iter().copied().map(Revocation::Session));
        contents.extend(self.keys.iter().cloned().map(Revocation::Key));
        let mut epochs = |target: Target, epoch: Epoch| {
            for (extent, stamp) in [(Extent::Sessions, epoch.sessions), (Extent::AccessTokens, epoch.access_tokens)] {
                if stamp != Stamp::ZERO {
                    contents.insert(Revocation::Epoch { target: target.clone(), extent, stamp });
                }
            }
        };
        epochs(Target::All, self.all);
        for (client, epoch) in &self.clients {
            epochs(Target::Client(client.clone()), *epoch);
        }
        for (subject, held) in &self.subjects {
            epochs(Target::Subject(subject.clone()), held.everywhere);
            for (client, epoch) in &held.at {
                epochs(Target::SubjectAtClient { subject: subject.clone(), client: client.clone() }, *epoch);
            }
        }
        contents
    }

    fn epoch_mut(&mut self, target: &Target) -> &mut Epoch {
        match target {
            Target::All => &mut self.all,
            Target::Client(client) => self.clients.entry(client.clone()).or_default(),
            Target::Subject(subject) => &mut self.subjects.entry(subject.clone()).or_default().everywhere,
            Target::SubjectAtClient { subject, client } => {
                self.subjects.entry(subject.clone()).or_default().at.entry(client.clone()).or_default()
            }
        }
    }

    /// Removes one entry; an epoch only when nothing newer has raised it since.
    fn forget(&mut self, revocation: &Revocation) {
        match revocation {
            Revocation::Token(jti) => drop(self.tokens.remove(jti)),
            Revocation::Session(sid) => drop(self.sessions.remove(sid)),
            Revocation::Key(_) => {}
            Revocation::Epoch { target, extent, stamp } => self.forget_epoch(target, *extent, *stamp),
        }
    }

    fn forget_epoch(&mut self, target: &Target, extent: Extent, stamp: Stamp) {
        let held = self.epoch_mut(target);
        match extent {
            Extent::Sessions if held.sessions == stamp => held.sessions = Stamp::ZERO,
            Extent::AccessTokens if held.access_tokens == stamp => held.access_tokens = Stamp::ZERO,
            _ => {}
        }
        let is_void = *held == Epoch::default();
        match target {
            Target::All => {}
            Target::Client(client) if is_void => drop(self.clients.remove(client)),
            Target::Client(_) => {}
            Target::Subject(subject) | Target::SubjectAtClient { subject, .. } => {
                if let Some(held) = self.subjects.get_mut(subject) {
                    held.at.retain(|_, epoch| *epoch != Epoch::default());
                    if held.at.is_empty() && held.everywhere == Epoch::default() {
                        self.subjects.remove(subject);
                    }
                }
            }
        }
    }
}

impl Judge for View {
    fn judge(&self, origin: &Origin<'_>) -> Option<Cause> {
        if self.keys.contains(origin.kid) {
            return Some(Cause::Key);
        }
        if self.tokens.contains(&origin.jti) {
            return Some(Cause::Token);
        }
        if origin.sid.is_some_and(|sid| self.sessions.contains(&sid)) {
            return Some(Cause::Session);
        }
        // A client's own token is of nobody (RFC 9068 §2.2: `sub` is the client): a user who has the name of a client is somebody else.
        let subject = if origin.sid.is_none() && origin.subject == origin.client { "" } else { origin.subject };
        self.epochs(subject, origin.client).void_token(origin.sid.map(|sid| sid.stamp()), origin.stamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut view = View::default();
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
        let mut view = View::default();
        view.merge(&epoch(Target::Subject("alice".into()), Extent::Sessions, 100));
        assert_eq!(view.judge(&named_alike(None)), None, "the client's own");
        assert_eq!(view.judge(&named_alike(Some(1))), Some(Cause::Subject), "of a user of that name");
        view.merge(&epoch(Target::Client("alice".into()), Extent::Sessions, 100));
        assert_eq!(view.judge(&named_alike(None)), Some(Cause::Client));
    }

    #[test]
    fn an_epoch_over_access_tokens_spares_what_was_minted_later() {
        let mut view = View::default();
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
        let (mut forth, mut back) = (View::default(), View::default());
        entries.iter().for_each(|entry| _ = forth.merge(entry));
        entries.iter().rev().for_each(|entry| _ = back.merge(entry));
        assert_eq!(forth.contents(), back.contents());
        assert_eq!(forth.epochs("x", "y").all.sessions, Stamp::from_millis(5));
        assert!(!forth.merge(&entries[1]), "a lower epoch changes nothing");
    }

    #[test]
    fn an_entry_outlives_a_clock_that_jumps_ahead() {
        let mut view = View::default();
        view.merge(&Revocation::Token(jti(7)));
        view.confirm(Duration::from_secs(3_600), KEEP);
        assert_eq!(view.judge(&origin(None, 7)), Some(Cause::Token), "an hour in one beat counts two seconds");
        (0..5).for_each(|_| view.confirm(Duration::from_secs(2), KEEP));
        assert_eq!(view.judge(&origin(None, 7)), None);
        assert!(view.is_empty());
    }

    #[test]
    fn forgetting_an_old_epoch_keeps_the_newer_one() {
        let mut view = View::default();
        let target = Target::SubjectAtClient { subject: "alice".into(), client: "app".into() };
        view.merge(&epoch(target.clone(), Extent::Sessions, 1));
        (0..5).for_each(|_| view.confirm(Duration::from_secs(2), KEEP));
        view.merge(&epoch(target, Extent::Sessions, 50));
        view.confirm(Duration::from_secs(2), KEEP);
        assert_eq!(view.judge(&origin(Some(50), 60)), Some(Cause::Subject));
        (0..5).for_each(|_| view.confirm(Duration::from_secs(2), KEEP));
        assert!(view.is_empty() && view.contents().is_empty());
    }
}
