//! How long the door waits for whoever is slow.
//!
//! Rules: the head of a request has to be there in time, whether its bytes come one by one or not at all; so an idle connection ends, too. Of a
//! body something worth waiting for has to come in time, again and again: an upload that goes on may take hours. Who does not read what is sent
//! is not waited for either. Only the time that is spent waiting counts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// So much has to come within the patience.
const WORTH: usize = 1_024;

/// The door's numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Requests a minute; 0: no limit.
    pub(crate) rate: u32,
    /// For the head of a request, from the end of the one before.
    pub(crate) head: Duration,
    /// For a piece of a body.
    pub(crate) body: Duration,
    /// For what is sent to be read.
    pub(crate) unread: Duration,
    /// At once; as many as the process can bear when nobody says otherwise.
    pub(crate) connections: Option<usize>,
}

impl Bounds {
    pub(crate) fn usual(rate: u32) -> Self {
        Bounds {
            rate,
            head: Duration::from_secs(20),
            body: Duration::from_secs(90),
            unread: Duration::from_mins(5),
            connections: None,
        }
    }
}

/// A timer that runs while something is waited for.
struct Waiting {
    patience: Duration,
    /// Since the last that was worth it.
    waited: Duration,
    now: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Waiting {
    fn new(patience: Duration) -> Self {
        Waiting {
            patience,
            waited: Duration::ZERO,
            now: None,
        }
    }

    /// Nothing came; ready when it has been too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let left = self.patience.saturating_sub(self.waited);
        let (_, sleep) = self
            .now
            .get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the other side is too slow",
        ))
    }

    /// Something came.
    fn came(&mut self, is_worth_it: bool) {
        if let Some((since, _)) = self.now.take() {
            self.waited += since.elapsed();
        }
        if is_worth_it {
            self.waited = Duration::ZERO;
        }
    }
}

/// The body of a request that is waited for.
pub(super) struct Arriving {
    body: Body,
    waiting: Waiting,
    came: usize,
}

impl Arriving {
    pub(super) fn new(body: Body, patience: Duration) -> Self {
        Arriving {
            body,
            waiting: Waiting::new(patience),
            came: 0,
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => self.waiting.poll(cx).map(|error| Some(Err(error.into()))),
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    self.came += frame.data_ref().map_or(0, Bytes::len);
                }
                let is_worth_it = self.came >= WORTH;
                if is_worth_it {
                    self.came = 0;
                }
                self.waiting.came(is_worth_it);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose other end has to read.
pub(super) struct Sending {
    stream: TcpStream,
    waiting: Waiting,
}

impl Sending {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Sending {
            stream,
            waiting: Waiting::new(patience),
        }
    }

    fn sent<T>(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_pending() {
            return self.waiting.poll(cx).map(Err);
        }
        self.waiting.came(true);
        sent
    }
}

impl AsyncRead for Sending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Sending {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(cx, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.sent(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(cx);
        self.sent(cx, sent)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.sent(cx, sent)
    }
}
