//! Files that come in: the field `file` of a form, or the bytes alone.
//!
//! Rules: the bytes go on to the service as they come, at the pace of its disk; who may not, or announces too much, is refused before they are
//! read. Whoever sends nothing for a minute is not waited for. Fields beside the file are short texts; those that decide where it goes come
//! before it. Invariant: what the reader of forms holds in memory has a limit, whatever is sent: what came in and was not handed on is counted.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use futures_core::Stream;
use model::{Kind, Problem, Result};
use service::{Length, Received, Upload};
use tokio::time::{Instant, Sleep};

/// So long may nothing come.
const SILENCE: Duration = Duration::from_mins(1);
/// What is waiting in memory to be handed on.
const MOST_HELD: u64 = 4 << 20;
/// Of a field that is no file.
const LONGEST_FIELD: usize = 64 << 10;
const MOST_FIELDS: usize = 16;
/// A form is so much longer than the file in it at most.
const FORM: u64 = 256 << 10;
const LONGEST_NAME: usize = 255;

/// A file that came in, and what was said about it.
pub(crate) struct Incoming {
    pub(crate) received: Received,
    /// What whoever sent it calls it.
    pub(crate) file_name: Option<String>,
    pub(crate) fields: HashMap<String, String>,
}

/// Receives the file of a request; nothing when there is none. `begin` is told the field `source`, and how long the file will be.
pub(crate) async fn receive<F>(
    request: Request,
    begin: impl FnOnce(Option<String>, Length) -> F,
) -> Result<Option<Incoming>>
where
    F: Future<Output = Result<Upload>>,
{
    let ledger = Arc::new(Ledger::default());
    let headers = request.headers().clone();
    let body = |body: Body| Arriving::new(body.into_data_stream(), SILENCE, Arc::clone(&ledger));
    let kind = text(&headers, header::CONTENT_TYPE).unwrap_or_default();
    let is_form = kind.to_ascii_lowercase().starts_with("multipart/form-data");
    let done = if is_form {
        let request = request.map(|inner| Body::from_stream(body(inner)));
        form(request, &headers, begin, &ledger).await
    } else {
        bytes(body(request.into_body()), &headers, begin, &ledger).await
    };
    // What was met on the way says more than what the reader of forms makes of it.
    match (done, ledger.problem()) {
        (Err(_), Some(problem)) => Err(problem),
        (done, _) => done,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_LENGTH)?.parse().ok()
}

async fn bytes<F>(
    mut body: Arriving,
    headers: &HeaderMap,
    begin: impl FnOnce(Option<String>, Length) -> F,
    ledger: &Ledger,
) -> Result<Option<Incoming>>
where
    F: Future<Output = Result<Upload>>,
{
    let length = content_length(headers);
    if length == Some(0) {
        return Ok(None);
    }
    // Before anything is read: who is refused need not send it.
    let mut upload = begin(None, length.map_or(Length::Unknown, Length::Exactly)).await?;
    let mut is_empty = true;
    while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        let piece = piece.map_err(|error| Problem::io("receiving the upload", error))?;
        ledger.handed_on(piece.len());
        upload.write(&piece).await?;
        is_empty &= piece.is_empty();
    }
    if is_empty {
        return Ok(None);
    }
    Ok(Some(Incoming {
        received: upload.finish().await?,
        file_name: text(headers, header::CONTENT_DISPOSITION).and_then(name_in),
        fields: HashMap::new(),
    }))
}

async fn form<F>(
    request: Request,
    headers: &HeaderMap,
    begin: impl FnOnce(Option<String>, Length) -> F,
    ledger: &Ledger,
) -> Result<Option<Incoming>>
where
    F: Future<Output = Result<Upload>>,
{
    let length =
        content_length(headers).map_or(Length::Unknown, |all| Length::AtLeast(all.saturating_sub(FORM)));
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| Problem::invalid(rejection.body_text()).hint(HOW))?;
    let (mut fields, mut begin) = (HashMap::new(), Some(begin));
    let (mut file, mut named) = (None, None);
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            let value = short(&mut field, ledger).await?;
            if fields.len() >= MOST_FIELDS {
                return Err(too_much());
            }
            fields.insert(name, value);
            continue;
        }
        let file_name = field.file_name().and_then(plain_name);
        // Browsers send an empty file when none was chosen.
        let Some(first) = piece_of(&mut field).await? else {
            continue;
        };
        let begin = begin
            .take()
            .ok_or_else(|| Problem::invalid("there are two files in the form").hint("send one at a time"))?;
        named = fields.get("source").cloned();
        let mut upload = begin(named.clone(), length).await?;
        let mut piece = Some(first);
        while let Some(bytes) = piece {
            ledger.handed_on(bytes.len());
            upload.write(&bytes).await?;
            piece = piece_of(&mut field).await?;
        }
        file = Some((upload, file_name));
    }
    let Some((upload, file_name)) = file else {
        return Ok(None);
    };
    if fields.get("source") != named.as_ref() {
        return Err(
            Problem::invalid("the field `source` comes after the file").hint("send it before the file")
        );
    }
    Ok(Some(Incoming {
        received: upload.finish().await?,
        file_name,
        fields,
    }))
}

const HOW: &str =
    "send a form (multipart/form-data) with the field `file`, or the bytes alone (application/octet-stream)";

fn unreadable(error: MultipartError) -> Problem {
    Problem::invalid(format!("the form cannot be read: {}", error.body_text()))
        .hint(HOW)
        .caused_by(error)
}

fn too_much() -> Problem {
    Problem::new(Kind::TooLarge, "the form holds too much beside the file").hint(HOW)
}

/// The next piece that holds anything.
async fn piece_of(field: &mut Field<'_>) -> Result<Option<Bytes>> {
    loop {
        match field.chunk().await.map_err(unreadable)? {
            Some(bytes) if bytes.is_empty() => {}
            other => return Ok(other),
        }
    }
}

/// The value of a field that is no file.
async fn short(field: &mut Field<'_>, ledger: &Ledger) -> Result<String> {
    let mut value = Vec::new();
    while let Some(bytes) = piece_of(field).await? {
        ledger.handed_on(bytes.len());
        value.extend_from_slice(&bytes);
        if value.len() > LONGEST_FIELD {
            return Err(too_much());
        }
    }
    String::from_utf8(value).map_err(|_| Problem::invalid("a field of the form is not text in UTF-8"))
}

/// `attachment; filename="a.tar.gz"`
fn name_in(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once("filename=")?;
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(';').next(),
    };
    plain_name(name?)
}

/// The last name of a path, fit to be shown. It is never used as one.
fn plain_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_NAME)
        .collect();
    let shown = shown.trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

/// What has come in and was not handed on, and what went wrong on the way.
#[derive(Default)]
struct Ledger {
    held: AtomicU64,
    problem: Mutex<Option<Problem>>,
}

impl Ledger {
    /// True while it is not too much.
    fn came(&self, bytes: usize) -> bool {
        self.held.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64 <= MOST_HELD
    }

    fn handed_on(&self, bytes: usize) {
        self.held.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    fn note(&self, problem: Problem) -> io::Error {
        let error = io::Error::other(problem.to_string());
        self.problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(problem);
        error
    }

    fn problem(&self) -> Option<Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A body on its way, watched.
struct Arriving {
    body: BodyDataStream,
    silence: Pin<Box<Sleep>>,
    patience: Duration,
    ledger: Arc<Ledger>,
}

impl Arriving {
    fn new(body: BodyDataStream, patience: Duration, ledger: Arc<Ledger>) -> Self {
        Arriving {
            body,
            silence: Box::pin(tokio::time::sleep(patience)),
            patience,
            ledger,
        }
    }

    fn came(&mut self, bytes: Bytes) -> io::Result<Bytes> {
        if !bytes.is_empty() {
            let until = Instant::now() + self.patience;
            self.silence.as_mut().reset(until);
        }
        if self.ledger.came(bytes.len()) {
            Ok(bytes)
        } else {
            Err(self.ledger.note(too_much()))
        }
    }
}

impl Stream for Arriving {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.body).poll_next(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(self.came(bytes))),
            Poll::Ready(Some(Err(error))) => {
                let problem = Problem::invalid("the upload broke off")
                    .hint("send it again")
                    .caused_by(error);
                Poll::Ready(Some(Err(self.ledger.note(problem))))
            }
            Poll::Pending if self.silence.as_mut().poll(cx).is_ready() => {
                let message = format!("nothing came for {} seconds", self.patience.as_secs());
                let problem =
                    Problem::new(Kind::TooSlow, message).hint("send it again, by a better connection");
                Poll::Ready(Some(Err(self.ledger.note(problem))))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these pieces, and then nothing for ever.
    struct Pieces(Vec<Bytes>);

    impl Stream for Pieces {
        type Item = io::Result<Bytes>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0
                .pop()
                .map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(bytes))))
        }
    }

    async fn met(pieces: Vec<Bytes>) -> (usize, Option<Problem>) {
        let ledger = Arc::new(Ledger::default());
        let body = Body::from_stream(Pieces(pieces)).into_data_stream();
        let mut arriving = Arriving::new(body, Duration::from_millis(1), Arc::clone(&ledger));
        let mut count = 0;
        while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut arriving).poll_next(cx)).await {
            count += 1;
        }
        (count, ledger.problem())
    }

    #[tokio::test]
    async fn who_sends_nothing_is_not_waited_for() {
        let (count, problem) = met(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")]).await;
        assert_eq!(
            (count, problem.map(|problem| problem.kind())),
            (2, Some(Kind::TooSlow))
        );
    }

    #[tokio::test]
    async fn what_nobody_takes_is_not_heaped_up() {
        let piece = Bytes::from(vec![0; 1 << 20]);
        let (count, problem) = met(vec![piece; 9]).await;
        assert_eq!(
            (count, problem.map(|problem| problem.kind())),
            (4, Some(Kind::TooLarge))
        );
    }

    #[test]
    fn a_name_is_shown_without_its_path() {
        for (sent, shown) in [
            ("backup.tar.gz", Some("backup.tar.gz")),
            (r"C:\fakepath\a b.zip", Some("a b.zip")),
            ("../../etc/passwd", Some("passwd")),
            ("a\r\nb", Some("ab")),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(plain_name(sent).as_deref(), shown, "{sent:?}");
        }
        assert_eq!(
            name_in(r#"attachment; filename="a;b.zip""#).as_deref(),
            Some("a;b.zip")
        );
        assert_eq!(
            name_in("attachment; filename=a.zip; x=y").as_deref(),
            Some("a.zip")
        );
        assert_eq!(name_in("inline"), None);
    }
}
