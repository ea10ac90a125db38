//! `/v1/backup`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use tokio::sync::mpsc;

use crate::http::openapi::ApiRefusals;
use crate::issuer::{Backup, Issuer};
use crate::web::{Authorized, Refused, pieces};

/// How many pieces wait for a slow reader.
const WAITING: usize = 2;

/// Take a backup of the store
///
/// Everything but the keys, as it is at this moment; its end carries a checksum. Scope `mintage:backup`.
#[utoipa::path(
    get, path = "/v1/backup", operation_id = "take_backup", tag = "backup", security(("bearer" = [])),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>, description = "The backup"), ApiRefusals)
)]
pub(in crate::http) async fn take(State(issuer): State<Arc<Issuer>>, Authorized(by): Authorized) -> Result<Response, Refused> {
    let backup = issuer.backup(&by).await?;
    let (send, receive) = mpsc::channel(WAITING);
    tokio::spawn(hand_over(backup, send));
    Ok(pieces(receive))
}

/// Until the last piece, or a fault in its place, or until nobody takes them any more.
async fn hand_over(mut backup: Backup, send: mpsc::Sender<Result<Vec<u8>, Refused>>) {
    loop {
        match backup.next_piece().await.map_err(Refused::from) {
            Ok(None) => return,
            Ok(Some(piece)) => {
                if send.send(Ok(piece)).await.is_err() {
                    return tracing::warn!("a backup was broken off: its reader has gone");
                }
            }
            Err(refused) => {
                tracing::error!(?refused, "a backup was broken off");
                let _ = send.send(Err(refused)).await;
                return;
            }
        }
    }
}
