//! A connection that ends when nothing moves on it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Fewer bytes than this do not say whether HTTP/2 is spoken (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// Fails with [`io::ErrorKind::TimedOut`] when for `idle` no byte has come or gone; and, before the client has said anything of use,
/// at the end of `opening`, however slowly it goes on.
pub(super) struct TimedIo<T> {
    inner: T,
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
    /// Bytes read, until the opening is over.
    opening: Option<usize>,
}

impl<T> TimedIo<T> {
    pub(super) fn new(inner: T, opening: Duration, idle: Duration) -> Self {
        Self { inner, idle, alarm: Box::pin(sleep(opening)), opening: Some(0) }
    }

    fn moved(&mut self, read: usize, is_write: bool) {
        self.opening = self.opening.map(|before| before + read).filter(|all| *all < PREFACE && !is_write);
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
                self.moved(buffer.filled().len() - before, false);
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
                self.moved(0, true);
                Poll::Ready(done)
            }
            Poll::Pending => self.check(cx).map(|end| end.map(|()| 0)),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write_vectored(cx, parts) {
            Poll::Ready(done) => {
                self.moved(0, true);
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
