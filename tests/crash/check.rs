//! What must hold after every restart, and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::api::Api;
use super::random::Random;
use super::server::{Place, Server};
use super::witness::{Effect, How, claims};

/// How many effects of earlier rounds are looked at again after a restart; at the end, all are.
const LOOKED_AT_AGAIN: u64 = 20;
/// How many of the newest tokens of a session are each presented on a copy of their own.
const COPIES: usize = 4;
/// How many questions are under way at once.
const AT_ONCE: usize = 16;

/// Counters, and what broke a promise.
#[derive(Default)]
pub(crate) struct Verdict {
    checked: usize,
    counts: Counts,
    lost: BTreeSet<String>,
    two_leaves: BTreeSet<String>,
    dead: BTreeSet<String>,
    orphans: BTreeSet<String>,
    leaves_presented: usize,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    opens: u64,
    rotations: u64,
    again: u64,
    revocations: u64,
    patches: u64,
    unanswered: u64,
    refused: u64,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { opens, rotations, again, revocations, patches, unanswered, refused } = self.counts;
        write!(
            f,
            "acknowledged {opens} opens, {rotations} rotations ({again} more asked again for the same bytes), {revocations} revocations, \
             {patches} patches; {unanswered} answers lost and asked for again, {refused} of 5xx; lost {}, sessions with two live leaves {}, \
             honest chains that died {}, orphans {}; {} tokens presented on copies",
            self.lost.len(),
            self.two_leaves.len(),
            self.dead.len(),
            self.orphans.len(),
            self.leaves_presented,
        )
    }
}

impl Verdict {
    /// Everything acknowledged since the last check, and some of what came before.
    pub(crate) fn after_a_restart(&mut self, server: &Server, effects: &[Effect], random: &mut Random) {
        let (known, new) = effects.split_at(self.checked.min(effects.len()));
        let again = (0..LOOKED_AT_AGAIN.min(known.len() as u64)).map(|_| known[random.below(known.len() as u64) as usize].clone());
        let again: Vec<Effect> = again.filter(|effect| !matches!(effect, Effect::Patched { .. })).collect();
        self.lost.extend(each(&server.url, [new, &again].concat(), what_is_lost));
        self.checked = effects.len();
        self.count(effects);
    }

    /// Everything, once more; and of all tokens that a session ever had, exactly the newest is current.
    pub(crate) fn at_the_end(&mut self, server: &Server, effects: &[Effect]) {
        self.count(effects);
        let asked = |(at, effect): (usize, &Effect)| {
            let is_asked_before = at < self.checked && matches!(effect, Effect::Patched { .. });
            (!is_asked_before).then(|| effect.clone())
        };
        let all = effects.iter().enumerate().filter_map(asked).collect();
        self.lost.extend(each(&server.url, all, what_is_lost));
        self.orphans.extend(each(&server.url, effects.to_vec(), orphan));
        let all_chains = chains(effects);
        let tokens: Vec<(String, String)> =
            all_chains.iter().flat_map(|(sid, tokens)| tokens.iter().map(|token| (sid.clone(), token.clone()))).collect();
        let current = each(&server.url, tokens, |api, (sid, token)| async move { api.is_active(&token).await.then_some((sid, token)) });
        for (sid, tokens) in &all_chains {
            let live: Vec<&String> = current.iter().filter(|(of, _)| of == sid).map(|(_, token)| token).collect();
            if live.len() > 1 {
                self.two_leaves.insert(format!("{sid}: {} of {} tokens are current", live.len(), tokens.len()));
            }
            if !live.contains(&&tokens[tokens.len() - 1]) {
                self.dead.insert(format!("{sid}: its newest token is not current"));
            }
        }
        self.checked = effects.len();
        self.same_bytes(effects);
    }

    /// Each of the newest tokens of each session, presented alone on a copy of the store: the newest goes on, the one before it gives the
    /// newest, and every older one ends the session.
    pub(crate) fn leaves_on_copies(&mut self, place: &Place, effects: &[Effect]) {
        for depth in 0..COPIES {
            let copy = place.copy();
            let server = copy.serve();
            let api = Api::new(&server.url);
            block_on(async {
                for (sid, tokens) in chains(effects) {
                    let Some(at) = tokens.len().checked_sub(depth + 1) else { continue };
                    let (answer, _) = api.refresh(&tokens[at]).await;
                    self.leaves_presented += 1;
                    let is_granted = answer.status == 200;
                    match depth {
                        0 if !is_granted => drop(self.dead.insert(format!("{sid}: {}", answer.body))),
                        0 => {}
                        1 if is_granted && answer.body["refresh_token"] == tokens[at + 1].as_str() => {}
                        // The one before the newest, too, where the copy starts later than the retry window on a slow machine.
                        _ if answer.body["mintage_code"] == "refresh_token_reused" => {}
                        _ => drop(self.two_leaves.insert(format!("{sid}: {depth} before the newest is answered {}", answer.body))),
                    }
                }
            });
        }
    }

    pub(crate) fn must_be_clean(&self) {
        let Self { lost, two_leaves, dead, orphans, counts, .. } = self;
        assert!(lost.is_empty(), "acknowledged and lost: {lost:#?}");
        assert!(two_leaves.is_empty(), "two live leaves: {two_leaves:#?}");
        assert!(dead.is_empty(), "honest chains that died: {dead:#?}");
        assert!(orphans.is_empty(), "orphans: {orphans:#?}");
        assert!(counts.opens > 20 && counts.rotations > 50 && counts.revocations > 5, "there was a load: {self}");
        assert_eq!(counts.refused, 0, "no answer of 5xx");
    }

    fn count(&mut self, effects: &[Effect]) {
        let mut counts = Counts::default();
        for effect in effects {
            match effect {
                Effect::Opened { .. } => counts.opens += 1,
                Effect::Rotated { .. } => counts.rotations += 1,
                Effect::Again { .. } => counts.again += 1,
                Effect::Revoked { .. } => counts.revocations += 1,
                Effect::Patched { .. } => counts.patches += 1,
                Effect::Dead { sid, why } => drop(self.dead.insert(format!("{sid}: {why}"))),
                Effect::Unheard { answers, refused } => {
                    counts.unanswered += answers;
                    counts.refused += refused;
                }
            }
        }
        self.counts = counts;
    }

    /// One token, one successor, whenever and however often it was presented.
    fn same_bytes(&mut self, effects: &[Effect]) {
        let mut successors: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for effect in effects {
            let (Effect::Rotated { sid, sent, got } | Effect::Again { sid, sent, got }) = effect else { continue };
            let (_, first) = *successors.entry(sent).or_insert((sid, got));
            if first != got {
                self.two_leaves.insert(format!("{sid}: one token had two successors"));
            }
        }
    }
}

/// What a restart has lost of an acknowledged effect.
async fn what_is_lost(api: Arc<Api>, effect: Effect) -> Option<String> {
    match effect {
        Effect::Opened { sid, .. } => {
            let answer = api.session(&sid).await;
            (answer.status != 200).then(|| format!("the session {sid}: {}", answer.body))
        }
        Effect::Revoked { how, sid, access, refresh } => {
            if api.is_active(&access).await {
                return Some(format!("{how:?} of {sid}: its access token is good again"));
            }
            if matches!(how, How::AccessTokens | How::Token) {
                return None;
            }
            let (answer, _) = api.refresh(&refresh).await;
            let session = api.session(&sid).await;
            let holds = answer.status == 400 && answer.body["error"] == "invalid_grant" && session.body["state"] == "ended";
            (!holds).then(|| format!("{how:?} of {sid}: refreshed: {} {}; session {}", answer.status, answer.body, session.body))
        }
        // Uses the session's first token up, so it is asked once.
        Effect::Patched { role, refresh } => {
            let (answer, _) = api.refresh(&refresh).await;
            let holds = answer.status == 200 && claims(&answer.text("/access_token"))["role"] == role.as_str();
            (!holds).then(|| format!("the claim {role}: {} {}", answer.status, answer.body))
        }
        Effect::Rotated { .. } | Effect::Again { .. } | Effect::Dead { .. } | Effect::Unheard { .. } => None,
    }
}

/// An opening that was asked for again after a lost answer has opened once.
async fn orphan(api: Arc<Api>, effect: Effect) -> Option<String> {
    let Effect::Opened { subject, .. } = effect else { return None };
    let sessions = api.sessions_of(&subject).await;
    (sessions != 1).then(|| format!("{subject} has {sessions} sessions"))
}

/// Asks about many things at once, and keeps what was found.
fn each<T, R, F>(url: &str, things: Vec<T>, ask: impl Fn(Arc<Api>, T) -> F) -> Vec<R>
where
    R: Send + 'static,
    F: Future<Output = Option<R>> + Send + 'static,
{
    let api = Arc::new(Api::new(url));
    let mut found = Vec::new();
    block_on(async {
        let mut asking = tokio::task::JoinSet::new();
        for thing in things {
            asking.spawn(ask(api.clone(), thing));
            if asking.len() == AT_ONCE {
                found.extend(asking.join_next().await.unwrap().unwrap());
            }
        }
        while let Some(answer) = asking.join_next().await {
            found.extend(answer.unwrap());
        }
    });
    found
}

/// Every refresh token that each chain's client was ever given, oldest first.
fn chains(effects: &[Effect]) -> BTreeMap<String, Vec<String>> {
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for effect in effects {
        match effect {
            Effect::Opened { sid, subject, refresh } if subject.starts_with("chain-") => {
                chains.insert(sid.clone(), vec![refresh.clone()]);
            }
            Effect::Rotated { sid, got, .. } => {
                let tokens = chains.get_mut(sid).unwrap();
                if !tokens.contains(got) {
                    tokens.push(got.clone());
                }
            }
            _ => {}
        }
    }
    chains
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
