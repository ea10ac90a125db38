//! Rotations a second on the embedded store, beside what one fsync a row gives on the same disk: `cargo bench --bench store`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mintage::ambient::{Clock, SystemClock, SystemEntropy};
use mintage::id::{Sid, Stamp};
use mintage::policy::Session;
use mintage::policy::rotation::Request;
use mintage::registry::ScopeSet;
use mintage::store::{Embedded, Granted, Known, Open, Opened, Refreshed, Settings, Store};
use mintage::time::Moment;
use redb::{Database, TableDefinition};

const A_DAY: Duration = Duration::from_secs(86_400);
/// How many callers wait at once, each with a session of its own.
const CALLERS: u32 = 256;
/// About what a session's record takes.
const ROW: [u8; 320] = [7; 320];
const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");

fn session(n: u32) -> Session {
    let scope: ScopeSet = ["read", "write"].into_iter().collect();
    Session {
        sid: Sid::in_shard(Stamp::ZERO, 0, &[0; 10]),
        subject: format!("user {n}"),
        client_id: "app".to_owned(),
        opened_at: Moment::default(),
        last_refreshed_at: Moment::default(),
        expires_at: Moment::default(),
        idle: A_DAY,
        generation: 0,
        rotated_at: Moment::default(),
        mac_key: 1,
        secret_hash: [7; 32],
        audience: vec!["https://api.example".to_owned()],
        opened_scope: scope.clone(),
        scope,
        claims: r#"{"role":"user"}"#.to_owned(),
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

fn token(session: &Session) -> Request {
    Request {
        sid: session.sid,
        generation: session.generation,
        mac_key: 1,
        secret_hash: [7; 32],
        client_id: "app".to_owned(),
        authenticated: false,
        sender_key: None,
        scope: None,
        audience: None,
        rotates: true,
        retry_window: Duration::ZERO,
        rotation_pause: Duration::ZERO,
        next_mac_key: 1,
    }
}

async fn open(store: &Embedded, n: u32) -> Session {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    let open = Open { session: session(n), lifetime: A_DAY, random, sessions_per_slot: None, idempotency: None };
    match store.open(open, Known::default()).await {
        Ok(Opened::New { session, .. }) => *session,
        other => panic!("not opened: {other:?}"),
    }
}

/// Every caller rotates its session once.
async fn rotate_all(store: &Arc<Embedded>, sessions: &mut Vec<Session>) {
    let calls: Vec<_> = sessions
        .drain(..)
        .map(|session| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.refresh(token(&session), Known::default()).await })
        })
        .collect();
    for call in calls {
        match call.await {
            Ok(Ok(Refreshed::Granted { how: Granted::Rotated, session, .. })) => sessions.push(*session),
            other => panic!("not rotated: {other:?}"),
        }
    }
}

fn rotations(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let settings =
        Settings { keep_log: A_DAY, grace: A_DAY, margin: Duration::from_secs(1), sessions_per_subject: 100, longest_session: A_DAY };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Arc::new(Embedded::open(&folder.path().join("data"), clock, &SystemEntropy, settings).expect("a store"));
    let mut sessions: Vec<Session> = runtime.block_on(async {
        let mut sessions = Vec::new();
        for n in 0..CALLERS {
            sessions.push(open(&store, n).await);
        }
        sessions
    });
    let baseline = Database::create(folder.path().join("baseline.redb")).expect("a database");

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(CALLERS.into())).sample_size(20);
    group.bench_function("embedded: 256 concurrent rotations", |bencher| {
        bencher.iter(|| runtime.block_on(rotate_all(&store, &mut sessions)));
    });
    group.throughput(Throughput::Elements(1));
    let mut row = 0_u64;
    group.bench_function("redb: one row, one commit", |bencher| {
        bencher.iter(|| {
            let txn = baseline.begin_write().expect("a transaction");
            txn.open_table(ROWS).expect("a table").insert(row % u64::from(CALLERS), black_box(&ROW[..])).expect("a row");
            txn.commit().expect("a commit");
            row += 1;
        });
    });
    group.finish();
}

criterion_group!(benches, rotations);
criterion_main!(benches);
