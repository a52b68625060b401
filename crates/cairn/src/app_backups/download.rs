//! The archive of a backup as the answer itself: the file that lies there, or packed while it is sent.
//!
//! Rules: the length is told whenever it is known, also to `HEAD`; a body that turns out to be of another length breaks off, so that nobody
//! takes it for the whole.

use std::io::{self, Read, Write};

use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use model::Problem;
use service::archive::Format;
use service::{ArchiveFile, Linked};

use crate::http::{Door, archive, attachment, stream};

const PIECE: usize = 64 * 1024;

fn named(answer: &mut Response, name: &str, bytes: Option<u64>) {
    let headers = answer.headers_mut();
    if let Some(disposition) = attachment(name) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    if let Some(bytes) = bytes {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
}

/// Packed while it is sent; of this length, when that is known.
pub(super) fn packed(
    door: &Door,
    linked: Linked,
    method: &Method,
    name: &str,
    bytes: Option<u64>,
) -> Response {
    let mut answer = archive(door, linked, method);
    named(&mut answer, name, bytes);
    answer
}

/// The file that was put into its folder.
pub(super) fn kept(kept: ArchiveFile, name: &str, method: &Method) -> Response {
    let (file, bytes) = (kept.file, kept.bytes);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(Format::TarGz.media_type()),
        ),
        (header::ACCEPT_RANGES, HeaderValue::from_static("none")),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-store"),
        ),
    ];
    let mut answer = if *method == Method::HEAD {
        headers.into_response()
    } else {
        let body = stream(move |mut out| async move {
            let copying = move || copy(file.take(bytes), &mut out);
            let copied = tokio::task::spawn_blocking(copying).await;
            copied
                .map_err(|error| Problem::internal(format!("an archive is not sent: {error}")))?
                .map_err(|error| Problem::io("cannot send an archive", error))
        });
        (headers, body).into_response()
    };
    named(&mut answer, name, Some(bytes));
    answer
}

fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return to.flush(),
            length => to.write_all(&piece[..length])?,
        }
    }
}
