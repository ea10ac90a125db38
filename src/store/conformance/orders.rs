//! A session's life has no gap: `active → ended → forgotten`, whatever order requests, timeouts and sweeps come in. All orders are tried:
//! what a store answers must be what the pure rule answers in some order of the steps that overlapped, and in their very order where
//! none did.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::life::{no_change, presented};
use super::*;
use crate::policy::rotation::{StoreTime, apply, judge};
use crate::policy::{EndReason, Ended, State};

const END: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(12);
/// Beyond the time after which a sweep writes an end down.
const LONG_GRACE: Duration = Duration::from_secs(700);
const MILLI: Duration = Duration::from_millis(1);
const ASKS: [Ask; 5] = [Ask::Nothing, Ask::Refresh, Ask::Read, Ask::Patch, Ask::Revoke];
const SLOTS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    Nothing,
    Refresh,
    Read,
    Patch,
    Revoke,
}

/// An answer, as far as the life of a session shows in it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Told {
    Nothing,
    Refreshed(String),
    Read(Option<(u32, Option<Ended>)>),
    Patched(Option<Option<EndReason>>),
    Revoked(u32),
}

/// When a flight begins and ends, after opening, and how its steps meet.
#[derive(Clone, Copy, Debug)]
struct Flight {
    from: Duration,
    to: Duration,
    grace: Duration,
    meeting: Meeting,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meeting {
    /// One step after another.
    Never,
    /// All are asked for while a commit before them is held up.
    Waiting,
    /// The first is decided, and its commit is held up; the clock goes on; then the others are asked for.
    Overtaking,
}

/// Just before, at and after the end and the end of the grace; and, where the grace is long, when the sweep has written the end down.
fn flights() -> Vec<Flight> {
    let around = |at: Duration| [at - MILLI, at, at + MILLI];
    let at = |grace, moments: &[Duration], meeting| -> Vec<Flight> {
        moments.iter().map(|at| Flight { from: *at, to: *at, grace, meeting }).collect()
    };
    let across =
        |at: Duration, meeting| around(at).windows(2).map(|pair| Flight { from: pair[0], to: pair[1], grace: GRACE, meeting }).collect();
    let soon = [around(END), around(END + GRACE)].concat();
    let late = [END + Duration::from_secs(640), END + LONG_GRACE, END + LONG_GRACE + MILLI];
    let mut flights: Vec<Vec<Flight>> = Vec::new();
    for meeting in [Meeting::Never, Meeting::Waiting] {
        flights.extend([at(GRACE, &soon, meeting), at(LONG_GRACE, &late, meeting)]);
    }
    for meeting in [Meeting::Waiting, Meeting::Overtaking] {
        flights.extend([across(END, meeting), across(END + GRACE, meeting)]);
    }
    flights.concat()
}

/// Where the sweep stands among the asks of a flight, and whether one ran before.
#[derive(Clone, Copy, Debug)]
struct Sweeps {
    before: bool,
    at: Option<usize>,
}

/// One session and what is asked of it.
struct Story {
    asks: [Ask; SLOTS],
    opened: Session,
    /// What the session may be by now, as the pure rule says.
    may_be: Vec<Option<Session>>,
}

/// Runs every order against a kind of store and gives their number.
pub(super) fn in_every_order<B: Backend>() -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut orders = 0;
    for flight in flights() {
        // A sweep before can have done something only where the grace is long.
        let before = if flight.grace == LONG_GRACE { [false, true].as_slice() } else { &[false] };
        for before in before.iter().copied() {
            for at in [None, Some(0), Some(1), Some(2), Some(3)] {
                orders += runtime.block_on(Trial::<B>::run(flight, Sweeps { before, at }));
            }
        }
    }
    orders
}

struct Trial<B: Backend> {
    disk: B,
    on: Bench<B::Store>,
    began: Moment,
    flight: Flight,
    sweeps: Sweeps,
}

/// A call under way; `None` is the sweep, else the story and the slot.
struct Call<'a> {
    whose: Option<(usize, usize)>,
    answer: Poll<Told>,
    call: Pin<Box<dyn Future<Output = Told> + 'a>>,
}

impl<B: Backend> Trial<B> {
    async fn run(flight: Flight, sweeps: Sweeps) -> usize {
        let began = Moment::from_seconds(1_800_000_000);
        let clock = Arc::new(ManualClock::at(began));
        let (disk, entropy) = (B::empty(&clock), Counting::default());
        let store = Arc::new(disk.start(&clock, &entropy, Settings { grace: flight.grace, ..settings() }));
        let trial = Self { disk, on: Bench { store, clock, entropy }, began, flight, sweeps };
        let mut stories = trial.open().await;
        trial.pass_until(flight.from).await;
        if sweeps.before {
            trial.sweep(&mut stories).await;
        }
        if flight.meeting == Meeting::Never {
            trial.walk(&mut stories).await
        } else {
            trial.fly(&mut stories).await
        }
        trial.look(&mut stories).await;
        let refreshed_last = if flight.from < END { END } else { MILLI };
        trial.pass_until(END + flight.grace + refreshed_last + MILLI).await;
        trial.sweep(&mut stories).await;
        trial.look(&mut stories).await;
        stories.len()
    }

    /// Every three asks, of a session that will lie unused and of one whose absolute end comes.
    async fn open(&self) -> Vec<Story> {
        let mut stories = Vec::new();
        for n in 0..ASKS.len().pow(3) * 2 {
            let (idles, n) = (n % 2 == 0, n / 2);
            let asks = [ASKS[n % 5], ASKS[n / 5 % 5], ASKS[n / 25]];
            let subject = format!("{asks:?} {idles}");
            let session = Session { subject, idle: if idles { END } else { IDLE }, ..session() };
            let open = Open { lifetime: if idles { LIFETIME } else { END }, ..self.on.opening(session) };
            let mut opening = Box::pin(self.on.opened(open));
            let at_once = opening.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            stories.push((asks, at_once, opening));
        }
        let mut opened = Vec::new();
        for (asks, at_once, opening) in stories {
            let session = if let Poll::Ready(answer) = at_once { answer.0 } else { opening.await.0 };
            opened.push(Story { asks, may_be: vec![Some(session.clone())], opened: session });
        }
        opened
    }

    /// Time goes on without a gap between heartbeats.
    async fn pass_until(&self, at: Duration) {
        let end = self.began.plus(at);
        self.on.beat().await;
        while self.on.clock.wall() < end {
            self.on.clock.advance(end.since(self.on.clock.wall()).min(Duration::from_secs(5)));
            self.on.beat().await;
        }
    }

    async fn sweep(&self, stories: &mut [Story]) {
        self.on.sweep().await;
        for story in stories {
            story.may_be.iter_mut().for_each(|session| self.forget(session, self.on.clock.wall()));
        }
    }

    /// One step after another: each answer is what the rule says, in this very order.
    async fn walk(&self, stories: &mut [Story]) {
        for slot in 0..=SLOTS {
            if self.sweeps.at == Some(slot) {
                self.sweep(stories).await;
            }
            let mut calls = if slot == SLOTS { Vec::new() } else { self.calls(stories, slot) };
            calls.iter_mut().for_each(begin);
            let mut answers = Vec::new();
            for call in calls {
                answers.push((call.whose.expect("no sweep").0, finish(call).await));
            }
            for (story, told) in answers {
                self.must_be_one(&mut stories[story], &[(slot, told)], false);
            }
        }
    }

    /// The steps overlap: each answer is what the rule says in some order.
    async fn fly(&self, stories: &mut [Story]) {
        let before = self.disk.syncs();
        self.on.store.spend([8; 32], LIFETIME).await.expect("the store works");
        let syncs = self.disk.syncs() - before;
        self.disk.hold();
        let mut held = Box::pin(self.on.store.spend([9; 32], LIFETIME));
        let at_once = held.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.disk.wait_until_held();
        let mut calls = Vec::new();
        for slot in 0..=SLOTS {
            let first = calls.len();
            if self.sweeps.at == Some(slot) {
                let sweep = async { self.on.store.sweep(1000).await.map(|_| Told::Nothing).expect("the store works") };
                calls.push(Call { whose: None, answer: Poll::Pending, call: Box::pin(sweep) });
            }
            if slot < SLOTS {
                calls.extend(self.calls(stories, slot));
            }
            calls[first..].iter_mut().for_each(begin);
            if slot == 0 && self.flight.meeting == Meeting::Overtaking {
                self.disk.hold_after(syncs);
                self.on.clock.advance(self.flight.to - self.flight.from);
            }
        }
        if self.flight.meeting == Meeting::Waiting {
            self.on.clock.advance(self.flight.to - self.flight.from);
        }
        self.disk.release();
        if at_once.is_pending() {
            held.await.expect("the store works");
        }
        let mut told = vec![Vec::new(); stories.len()];
        for call in calls {
            let (whose, answer) = (call.whose, finish(call).await);
            if let Some((story, slot)) = whose {
                told[story].push((slot, answer));
            }
        }
        for (story, told) in stories.iter_mut().zip(told) {
            self.must_be_one(story, &told, self.sweeps.at.is_some());
        }
    }

    /// What a reader sees, and what a refresh is told, after it all.
    async fn look(&self, stories: &mut [Story]) {
        for story in stories {
            let told = self.ask(Ask::Read, story.opened.clone()).await;
            let at = self.on.clock.wall();
            story.may_be.retain(|session| self.pure(Ask::Read, &mut session.clone(), &story.opened, at) == told);
            assert!(!story.may_be.is_empty(), "{:?} {:?} {:?}: then it reads {told:?}", self.flight, self.sweeps, story.asks);
        }
    }

    fn calls<'a>(&'a self, stories: &[Story], slot: usize) -> Vec<Call<'a>> {
        let call = |(n, story): (usize, &Story)| Call {
            whose: Some((n, slot)),
            answer: Poll::Pending,
            call: Box::pin(self.ask(story.asks[slot], story.opened.clone())),
        };
        stories.iter().enumerate().map(call).collect()
    }

    async fn ask(&self, ask: Ask, session: Session) -> Told {
        let store = &self.on.store;
        match ask {
            Ask::Nothing => Told::Nothing,
            Ask::Refresh => Told::Refreshed(row(&self.on.refresh(presented(&session)).await)),
            Ask::Read => {
                let read = store.session(session.sid).await.expect("the store works");
                Told::Read(read.map(|session| (session.generation, session.ended)))
            }
            Ask::Patch => match store.patch(session.sid, no_change(), Known::default()).await.expect("the store works") {
                Patched::Done(_) => Told::Patched(None),
                Patched::Gone(reason) => Told::Patched(Some(reason)),
                Patched::TooLarge | Patched::Wider => panic!("it is small"),
            },
            Ask::Revoke => Told::Revoked(self.on.revoke(Revocable::Session(session.sid)).await.0.sessions_ended),
        }
    }

    /// What the rule says, as one step at `now`.
    fn pure(&self, ask: Ask, session: &mut Option<Session>, opened: &Session, now: Moment) -> Told {
        let over = session.as_ref().and_then(|session| over(session, now));
        match (ask, session) {
            (Ask::Nothing, _) => Told::Nothing,
            (Ask::Refresh, None) => Told::Refreshed("Gone None".to_owned()),
            (Ask::Refresh, Some(session)) => {
                let time = StoreTime { now, last_heartbeat: now, steady_since: self.began };
                let outcome = judge(session, &presented(opened), Epochs::default(), time);
                apply(outcome, session, &presented(opened), now);
                Told::Refreshed(over.map_or_else(|| format!("{outcome:?}"), |ended| format!("Gone {:?}", Some(ended.reason))))
            }
            (Ask::Read, session) => Told::Read(session.as_ref().map(|session| (session.generation, over))),
            (Ask::Patch, None) => Told::Patched(Some(None)),
            (Ask::Patch, Some(_)) => Told::Patched(over.map(|ended| Some(ended.reason))),
            (Ask::Revoke, None) => Told::Revoked(0),
            (Ask::Revoke, Some(session)) => {
                let lived = over.is_none();
                session.ended = Some(over.unwrap_or(Ended { reason: EndReason::Revoked, by: "admin".to_owned(), at: now }));
                Told::Revoked(lived.into())
            }
        }
    }

    fn forget(&self, session: &mut Option<Session>, now: Moment) {
        let is_past = |ended: Ended| now.since(ended.at) > self.flight.grace;
        if session.as_ref().and_then(|session| over(session, now)).is_some_and(is_past) {
            *session = None;
        }
    }

    /// Keeps what the session may be, given these answers; in the order of the slots, or, in flight, in any order at moments that do
    /// not go back, with a sweep anywhere between.
    fn must_be_one(&self, story: &mut Story, told: &[(usize, Told)], sweeps: bool) {
        let mut found = Vec::new();
        for session in std::mem::take(&mut story.may_be) {
            self.extend(story, session, told, sweeps, self.began.plus(self.flight.from), &mut found);
        }
        story.may_be = found;
        assert!(!story.may_be.is_empty(), "{:?} {:?} {:?}: no order of the steps gives {told:?}", self.flight, self.sweeps, story.asks);
    }

    fn extend(
        &self,
        story: &Story,
        session: Option<Session>,
        left: &[(usize, Told)],
        sweeps: bool,
        now: Moment,
        found: &mut Vec<Option<Session>>,
    ) {
        if left.is_empty() && !found.contains(&session) {
            found.push(session.clone());
        }
        let later = self.began.plus(self.flight.to);
        if self.flight.meeting != Meeting::Never && now < later {
            self.extend(story, session.clone(), left, sweeps, later, found);
        }
        if sweeps {
            let mut swept = session.clone();
            self.forget(&mut swept, now);
            self.extend(story, swept, left, false, now, found);
        }
        for (n, (slot, told)) in left.iter().enumerate() {
            let mut after = session.clone();
            if self.pure(story.asks[*slot], &mut after, &story.opened, now) == *told {
                let rest: Vec<_> = left.iter().enumerate().filter(|(other, _)| *other != n).map(|(_, told)| told.clone()).collect();
                self.extend(story, after, &rest, sweeps, now, found);
            }
        }
    }
}

fn begin(call: &mut Call<'_>) {
    call.answer = call.call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

async fn finish(call: Call<'_>) -> Told {
    match call.answer {
        Poll::Ready(told) => told,
        Poll::Pending => call.call.await,
    }
}

fn over(session: &Session, now: Moment) -> Option<Ended> {
    let State::Ended(reason) = session.state(now, Epochs::default()) else { return None };
    let at = if reason == EndReason::Expired { session.expires_at } else { session.idle_expires_at() };
    Some(session.ended.clone().unwrap_or(Ended { reason, by: "mintage".to_owned(), at }))
}
