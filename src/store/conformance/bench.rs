//! What a case has in hand: a store with its clock, and sessions, tokens and revocations to try on it.

use super::*;

/// Randomness that is the same in every run.
#[derive(Default)]
pub(in crate::store) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().rev().zip(n.iter().rev().cycle()).for_each(|(byte, n)| *byte = *n);
    }
}

impl Counting {
    pub(in crate::store) fn random(&self) -> IdRandom {
        (self as &dyn Entropy).bytes()
    }
}

/// A store to try, with its clock in hand.
pub(in crate::store) struct Bench<S> {
    pub(in crate::store) store: Arc<S>,
    pub(in crate::store) clock: Arc<ManualClock>,
    pub(in crate::store) entropy: Counting,
}

pub(in crate::store) const SECOND: Duration = Duration::from_secs(1);
pub(in crate::store) const WINDOW: Duration = Duration::from_secs(30);
pub(in crate::store) const IDLE: Duration = Duration::from_secs(3_600);
pub(in crate::store) const LIFETIME: Duration = Duration::from_secs(10_000);
pub(in crate::store) const SECRET: [u8; 32] = [7; 32];

pub(in crate::store) fn settings() -> Settings {
    Settings {
        keep_log: Duration::from_secs(60),
        grace: Duration::from_secs(120),
        margin: SECOND,
        sessions_per_subject: 4,
        longest_session: LIFETIME,
    }
}

pub(in crate::store) fn run<B: Backend, F: Future>(case: impl FnOnce(Bench<B::Store>) -> F) {
    let clock = Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)));
    let entropy = Counting::default();
    let store = Arc::new(B::empty(&clock).start(&clock, &entropy, settings()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(case(Bench { store, clock, entropy }));
}

pub(in crate::store) fn scopes(text: &str) -> ScopeSet {
    text.parse().expect("a scope")
}

pub(in crate::store) fn subject(name: &str) -> Target {
    Target::Subject(name.to_owned())
}

/// Alice at the client `app`, with two scopes and two audiences.
pub(in crate::store) fn session() -> Session {
    Session {
        sid: Sid::in_shard(Stamp::ZERO, 0, &[0; 10]),
        subject: "alice".to_owned(),
        client_id: "app".to_owned(),
        opened_at: Moment::default(),
        last_refreshed_at: Moment::default(),
        expires_at: Moment::default(),
        idle: IDLE,
        generation: 0,
        rotated_at: Moment::default(),
        mac_key: 1,
        secret_hash: SECRET,
        audience: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
        opened_scope: scopes("read write"),
        scope: scopes("read write"),
        claims: "{}".to_owned(),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        sender_key: None,
        device: None,
        slot: None,
        upstream: None,
        ended: None,
    }
}

/// The token of generation `generation`, presented by its public client.
pub(in crate::store) fn token(session: &Session, generation: u32) -> Request {
    Request {
        sid: session.sid,
        generation,
        mac_key: 1,
        secret_hash: session.secret_hash,
        client_id: session.client_id.clone(),
        authenticated: false,
        sender_key: None,
        scope: None,
        audience: None,
        rotates: true,
        retry_window: WINDOW,
        rotation_pause: WINDOW,
        next_mac_key: 2,
    }
}

/// Which row of the table an answer is.
pub(in crate::store) fn row(refreshed: &Refreshed) -> String {
    match refreshed {
        Refreshed::Granted { how, .. } => format!("{how:?}"),
        Refreshed::Gone(reason) => format!("Gone {reason:?}"),
        Refreshed::Foreign => "Foreign".to_owned(),
        Refreshed::Refused(above) => format!("Refused {above:?}"),
        Refreshed::Reused { .. } => "Reused".to_owned(),
    }
}

impl<S: Store> Bench<S> {
    pub(in crate::store) fn opening(&self, session: Session) -> Open {
        Open { session, lifetime: LIFETIME, random: self.entropy.random(), sessions_per_slot: None, idempotency: None }
    }

    pub(in crate::store) async fn open(&self, session: Session) -> Session {
        self.opened(self.opening(session)).await.0
    }

    pub(super) async fn opened(&self, open: Open) -> (Session, Stamp, Vec<LogEntry>) {
        match self.store.open(open, Known::default()).await {
            Ok(Opened::New { session, stamp, displaced }) => (*session, stamp, displaced),
            other => panic!("not opened: {other:?}"),
        }
    }

    pub(super) async fn refresh(&self, request: Request) -> Refreshed {
        self.store.refresh(request, Known::default()).await.expect("the store works")
    }

    /// Presents a generation of a session, and says which row of the table answered.
    pub(super) async fn present(&self, session: &Session, generation: u32) -> String {
        row(&self.refresh(token(session, generation)).await)
    }

    pub(super) async fn session(&self, session: &Session) -> Session {
        self.store.session(session.sid).await.expect("the store works").expect("the session is remembered")
    }

    /// Why a session has ended; none while it lives.
    pub(super) async fn end_of(&self, session: &Session) -> Option<EndReason> {
        self.session(session).await.ended.map(|ended| ended.reason)
    }

    pub(in crate::store) fn revocation(&self, what: Revocable) -> Revoke {
        Revoke {
            id: RevocationId::new(Stamp::ZERO, &self.entropy.random()),
            what,
            only_if: None,
            end_reason: EndReason::Revoked,
            reason_code: Some("stolen".to_owned()),
            reason_note: None,
            by: "admin".to_owned(),
            idempotency: None,
        }
    }

    pub(in crate::store) async fn revoke(&self, what: Revocable) -> (Revoked, Vec<LogEntry>) {
        match self.store.revoke(self.revocation(what), Known::default()).await {
            Ok(RevokeAnswer::Done { revoked, entries, .. }) => (*revoked, entries),
            other => panic!("not revoked: {other:?}"),
        }
    }

    pub(super) async fn epoch(&self, target: Target, extent: Extent) -> Stamp {
        self.revoke(Revocable::Epoch { target, extent }).await.0.stamp
    }

    pub(super) async fn log(&self) -> LogPage {
        self.store.log(Position::default(), 1000).await.expect("the store works")
    }

    pub(super) async fn beat(&self) -> Heartbeat {
        self.store.heartbeat().await.expect("the store works")
    }

    /// Time goes on, with a heartbeat every two seconds and at the end.
    pub(super) async fn pass(&self, time: Duration) {
        self.beat().await;
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(2 * SECOND);
            self.clock.advance(step);
            self.beat().await;
            left -= step;
        }
    }

    /// Sweeps until nothing is left to forget.
    pub(super) async fn sweep(&self) -> Swept {
        let mut total = Swept { more: true, ..Swept::default() };
        while total.more {
            let swept = self.store.sweep(100).await.expect("the store works");
            total = Swept {
                sessions: total.sessions + swept.sessions,
                ended: total.ended + swept.ended,
                entries: total.entries + swept.entries,
                more: swept.more,
            };
        }
        total
    }
}

/// Calls `task` many times at once and gives every answer.
pub(super) async fn race<S: Store, F, T>(on: &Bench<S>, times: usize, task: impl Fn(Arc<S>) -> F) -> Vec<T>
where
    F: Future<Output = Result<T, StoreFault>> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|_| tokio::spawn(task(Arc::clone(&on.store)))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic").expect("the store works"));
    }
    answers
}

pub(super) fn key(key: u8, request: u8) -> Option<Idempotency> {
    Some(Idempotency { key: [key; 32], request: [request; 32], sealed: vec![key], keep: 30 * SECOND })
}
