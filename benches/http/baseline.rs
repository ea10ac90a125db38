//! What the machine can do at most with the same crates: bare axum handlers, one that updates one row of redb durably (waiting requests share
//! a commit) and signs once, and one that answers a constant.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ed25519_dalek::{Signer, SigningKey};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mintage::token::b64;
use redb::{Database, Durability, TableDefinition};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
/// About what a session's record takes.
const ROW_BYTES: usize = 320;
/// As of the embedded store: how many may wait, how many share a commit, and what redb may keep in memory.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
const CACHE_BYTES: usize = 32 << 20;

/// A row, what to write, and whom to tell.
type Update = (u64, [u8; ROW_BYTES], oneshot::Sender<()>);

struct Baseline {
    key: SigningKey,
    updates: mpsc::Sender<Update>,
    /// Stands for header and claims.
    signed: String,
    introspection: String,
}

/// How it commits.
#[derive(Clone, Copy)]
struct Commits {
    /// As the embedded store does, and before the commit becomes the current one.
    sync_twice: bool,
    /// As the embedded store does: whoever is ready to run may still come along.
    wait_for_company: bool,
}

/// Serves until it is ended. Its answers have the sizes that are asked for. `commits` is `synced-once`, `synced-twice` or `in-company`, which
/// is synced twice as well.
pub(crate) fn run(folder: &str, commits: &str, refresh_bytes: &str, introspection_bytes: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("not a number: {text}"));
    let around = refresh_answer("", "0.0").len() + 1 + b64::encode([0; 64]).len();
    let padding = number(introspection_bytes)?.saturating_sub(r#"{"active":true,"padding":""}"#.len());
    let commits = Commits { sync_twice: commits != "synced-once", wait_for_company: commits == "in-company" };
    let baseline = Arc::new(Baseline {
        key: SigningKey::from_bytes(&[7; 32]),
        updates: writer(&Path::new(folder).join("baseline.redb"), commits).map_err(|why| why.to_string())?,
        signed: "x".repeat(number(refresh_bytes)?.saturating_sub(around)),
        introspection: format!(r#"{{"active":true,"padding":"{}"}}"#, "x".repeat(padding)),
    });
    let router = Router::new()
        .route("/open", post(|body: String| async move { json(refresh_answer("opened", &format!("{body}.0"))) }))
        .route("/refresh", post(refresh))
        .route("/introspect", post(|State(baseline): State<Arc<Baseline>>| async move { json(baseline.introspection.clone()) }))
        .with_state(baseline);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|why| why.to_string())?;
    runtime.block_on(serve(router)).map_err(|why| why.to_string())
}

async fn serve(router: Router) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// `row.generation` gets `row.generation + 1`.
async fn refresh(State(baseline): State<Arc<Baseline>>, token: String) -> Response {
    let parts = token.split_once('.').map(|(row, generation)| (row.parse(), generation.parse::<u64>()));
    let Some((Ok(row), Ok(generation))) = parts else { return StatusCode::BAD_REQUEST.into_response() };
    let mut record = [7; ROW_BYTES];
    record[..8].copy_from_slice(&(generation + 1).to_be_bytes());
    let (done, durable) = oneshot::channel();
    if baseline.updates.send((row, record, done)).await.is_err() || durable.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let signature = baseline.key.sign(baseline.signed.as_bytes()).to_bytes();
    let access_token = [&baseline.signed, ".", &b64::encode(signature)].concat();
    json(refresh_answer(&access_token, &format!("{row}.{}", generation + 1)))
}

fn refresh_answer(access_token: &str, refresh_token: &str) -> String {
    format!(r#"{{"access_token":"{access_token}","token_type":"Bearer","expires_in":300,"refresh_token":"{refresh_token}"}}"#)
}

fn json(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn writer(file: &Path, commits: Commits) -> Result<mpsc::Sender<Update>, redb::Error> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(file)?;
    let (updates, mut waiting) = mpsc::channel::<Update>(QUEUE);
    thread::spawn(move || -> Result<(), redb::Error> {
        while let Some(first) = waiting.blocking_recv() {
            let batch = batch(first, &mut waiting, commits.wait_for_company);
            commit(&database, commits.sync_twice, &batch)?;
            for (_, _, done) in batch {
                let _ = done.send(()); // whoever has gone needs no answer
            }
        }
        Ok(())
    });
    Ok(updates)
}

fn batch(first: Update, waiting: &mut mpsc::Receiver<Update>, wait_for_company: bool) -> Vec<Update> {
    let mut batch = vec![first];
    loop {
        if wait_for_company {
            thread::yield_now();
        }
        let before = batch.len();
        batch.extend(std::iter::from_fn(|| waiting.try_recv().ok()).take(BATCH - before));
        if !wait_for_company || batch.len() == before || batch.len() == BATCH {
            return batch;
        }
    }
}

fn commit(database: &Database, syncs_twice: bool, batch: &[Update]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(syncs_twice);
    let mut rows = transaction.open_table(ROWS)?;
    for (row, record, _) in batch {
        rows.insert(row, &record[..])?;
    }
    drop(rows);
    Ok(transaction.commit()?)
}
