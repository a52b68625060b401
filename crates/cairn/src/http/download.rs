//! Downloads: the archive is streamed while it is made. By signed link, or as the answer to who may.
//!
//! Rules: nothing is staged; whoever reads slowly slows the export down and costs a few buffers; whoever goes away ends it. `HEAD` tells
//! name and type. The length of an archive is not known beforehand, so there are no ranges, and the answer says so.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use model::{Cancel, Progress, Result};
use service::Linked;
use tokio::sync::mpsc;

use super::answer::problem_json;
use super::door::Door;

/// Pieces under way, and how large each becomes before it is sent.
const PIECES: usize = 2;
const PIECE: usize = 64 * 1024;

pub(super) async fn download(State(door): State<Door>, method: Method, Path(link): Path<String>) -> Response {
    match door.service().follow_link(&link).await {
        Ok(linked) => archive(&door, linked, &method),
        Err(problem) => problem_json(&problem),
    }
}

/// The archive of a backup, as a file to be saved.
pub(crate) fn archive(door: &Door, linked: Linked, method: &Method) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(linked.format.media_type()),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    if let Some(disposition) = attachment(&linked.file_name()) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    if *method == Method::HEAD {
        // A body of no known length, so that no length is told.
        let (_, nothing) = mpsc::channel(1);
        return (headers, Body::from_stream(Pieces(nothing))).into_response();
    }
    let service = door.service().clone();
    let body = stream(move |out| async move {
        service
            .download(linked, Box::new(out), &Progress::new(), &Cancel::new())
            .await
            .map(|_| ())
    });
    (headers, body).into_response()
}

/// Under which name a browser saves it.
pub(crate) fn attachment(name: &str) -> Option<HeaderValue> {
    let plain = |c: &char| c.is_ascii() && !c.is_ascii_control() && !matches!(c, '"' | '\\' | '/');
    let plain: String = name.chars().filter(plain).collect();
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")).ok()
}

/// A body that is written while it is read.
pub(crate) fn stream<F>(work: impl FnOnce(Out) -> F + Send + 'static) -> Body
where
    F: Future<Output = Result<()>> + Send,
{
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let cut = sender.clone();
        let out = io::BufWriter::with_capacity(PIECE, ToBody(sender));
        if let Err(problem) = work(out).await {
            tracing::warn!("a download broke off: {problem}");
            // Whoever reads must see that it is not whole.
            let _ = cut.send(Err(io::Error::other("it is not whole"))).await;
        }
    });
    Body::from_stream(Pieces(receiver))
}

/// Where a download is written to.
pub(crate) type Out = io::BufWriter<ToBody>;

/// Writes from a blocking thread into an answer.
#[derive(Debug)]
pub(crate) struct ToBody(mpsc::Sender<io::Result<Bytes>>);

impl Write for ToBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever downloads has gone away"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl futures_core::Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
