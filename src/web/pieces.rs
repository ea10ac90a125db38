//! An answer that is longer than memory should hold.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::problem::Refused;

/// An answer of these pieces, in order. After a fault the connection is broken off, so that nobody takes a part for the whole.
pub fn pieces(receive: mpsc::Receiver<Result<Vec<u8>, Refused>>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], Body::new(Pieces(receive))).into_response()
}

struct Pieces(mpsc::Receiver<Result<Vec<u8>, Refused>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let framed = |piece: Result<Vec<u8>, Refused>| match piece {
            Ok(bytes) => Ok(Frame::data(bytes.into())),
            Err(refused) => Err(io::Error::other(refused.code().name())),
        };
        self.0.poll_recv(cx).map(|piece| piece.map(framed))
    }
}
