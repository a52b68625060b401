//! Sends files: forms and plain bytes, whole, in pieces, or broken off.

use std::io::Write;
use std::net::TcpStream;

use crate::served::{Answer, Served, answered};

const BOUNDARY: &str = "----a-boundary-of-the-test";
const PIECE: usize = 256 << 10;

/// Where a file goes, and how.
pub(crate) struct Sending<'a> {
    pub(crate) served: &'a Served,
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
}

/// A form with these fields and a file after them.
pub(crate) fn form(fields: &[(&str, &str)], file_name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(file_head(file_name).as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(form_end().as_bytes());
    body
}

pub(crate) fn form_end() -> String {
    format!("\r\n--{BOUNDARY}--\r\n")
}

/// A form in which a field comes after the file.
pub(crate) fn late_form(bytes: &[u8], name: &str, value: &str) -> Vec<u8> {
    let mut body = form(&[], "a.tar.gz", bytes);
    body.truncate(body.len() - form_end().len());
    let late = format!("\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
    body.extend_from_slice(late.as_bytes());
    body.extend_from_slice(form_end().as_bytes());
    body
}

pub(crate) fn file_head(file_name: &str) -> String {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
         Content-Type: application/gzip\r\n\r\n"
    )
}

/// The type of a form's body.
pub(crate) fn form_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

impl Sending<'_> {
    /// A connection on which the head was sent; `length` is a header: `Content-Length: 7`.
    pub(crate) fn begin(&self, kind: &str, length: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.served.address).unwrap();
        write!(
            stream,
            "POST {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\n{length}\r\n\r\n",
            self.path, self.served.address, self.token
        )
        .unwrap();
        stream
    }

    pub(crate) fn whole(&self, kind: &str, body: &[u8]) -> Answer {
        let mut stream = self.begin(kind, &format!("Content-Length: {}", body.len()));
        // Who is refused need not be listened to.
        let _ = stream.write_all(body);
        answered(&mut stream)
    }

    /// Zeros by the piece until all are sent, or nobody listens any more; how many were sent.
    pub(crate) fn zeros(stream: &mut TcpStream, bytes: u64, chunked: bool) -> u64 {
        let zeros = vec![0; PIECE];
        let mut sent = 0;
        while sent < bytes {
            let piece = &zeros[..PIECE.min((bytes - sent) as usize)];
            let head = if chunked {
                format!("{:x}\r\n", piece.len())
            } else {
                String::new()
            };
            let tail: &[u8] = if chunked { b"\r\n" } else { b"" };
            let all = [head.as_bytes(), piece, tail];
            if all.iter().any(|part| stream.write_all(part).is_err()) {
                break;
            }
            sent += piece.len() as u64;
        }
        sent
    }
}
