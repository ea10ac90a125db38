//! A connection that ends when nothing moves on it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How HTTP/2 begins (RFC 9113 §3.4): until it is whole, or something else comes, nobody knows which protocol is spoken.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Fails with [`io::ErrorKind::TimedOut`] when for `idle` no byte has come or gone; and, before the client has said anything of use,
/// at the end of `opening`, however slowly it goes on.
pub(super) struct TimedIo<T> {
    inner: T,
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
    /// How much of the preface has come, until the opening is over.
    opening: Option<usize>,
}

impl<T> TimedIo<T> {
    pub(super) fn new(inner: T, opening: Duration, idle: Duration) -> Self {
        Self { inner, idle, alarm: Box::pin(sleep(opening)), opening: Some(0) }
    }

    fn has_read(&mut self, bytes: &[u8]) {
        self.opening = self.opening.filter(|seen| PREFACE[*seen..].starts_with(bytes)).map(|seen| seen + bytes.len());
        self.opening = self.opening.filter(|seen| *seen < PREFACE.len());
        self.has_moved();
    }

    fn has_written(&mut self) {
        self.opening = None;
        self.has_moved();
    }

    fn has_moved(&mut self) {
        if self.opening.is_none() {
            // Checked when the alarm goes off, so moving costs one addition.
            let until = Instant::now() + self.idle;
            self.alarm.as_mut().reset(until);
        }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alarm.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buffer) {
            Poll::Ready(done) => {
                self.has_read(&buffer.filled()[before..]);
                Poll::Ready(done)
            }
            Poll::Pending => self.check(cx),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, bytes) {
            Poll::Ready(done) => {
                self.has_written();
                Poll::Ready(done)
            }
            Poll::Pending => self.check(cx).map(|end| end.map(|()| 0)),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write_vectored(cx, parts) {
            Poll::Ready(done) => {
                self.has_written();
                Poll::Ready(done)
            }
            Poll::Pending => self.check(cx).map(|end| end.map(|()| 0)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
