//! What is known of a request beside what it says.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Extensions;

use super::address::{ClientAddress, Peer};
use super::cors::Reader;
use super::guests::Turn;
use super::limits::Deadlines;
use super::rate_limits::Visit;
use super::request_id::RequestId;

/// What the listener, the site and the part of the surface have found out so far. One extension: each takes a place of its own in memory.
#[derive(Clone, Default)]
pub(super) struct Arrival {
    /// The connection's other end; `None` where it came through no listener.
    pub(super) peer: Option<Peer>,
    pub(super) deadlines: Deadlines,
    /// Lasts until nothing works on the request any more.
    pub(super) turn: Option<Arc<Turn>>,
    /// What its address names, in the order of the address.
    pub(super) named: Vec<String>,
    pub(super) from: ClientAddress,
    pub(super) id: RequestId,
    pub(super) visit: Visit,
    pub(super) reader: Reader,
}

impl Arrival {
    pub(super) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(super) fn of_mut(request: &mut Request) -> &mut Self {
        request.extensions_mut().get_or_insert_default()
    }
}
