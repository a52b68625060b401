//! A small client of HTTP/1.1: one connection that stays open, one request at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::run::Outcome;

pub(super) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    token: Option<String>,
}

/// How long a body is.
enum Length {
    Known(u64),
    Chunked,
}

fn told(error: &std::io::Error) -> String {
    format!("the server does not answer: {error}")
}

impl Client {
    pub(super) fn connect(address: &str, token: Option<&str>) -> Outcome<Self> {
        let stream = TcpStream::connect(address).map_err(|error| told(&error))?;
        stream.set_nodelay(true).map_err(|error| told(&error))?;
        Ok(Client {
            stream: BufReader::with_capacity(64 * 1024, stream),
            host: address.to_owned(),
            token: token.map(str::to_owned),
        })
    }

    /// The body of an answer that is 200.
    pub(super) fn get(&mut self, path: &str) -> Outcome<Vec<u8>> {
        let mut body = Vec::new();
        let status = self.ask(path, &mut |piece| {
            body.extend_from_slice(piece);
            Ok(())
        })?;
        match status {
            200 => Ok(body),
            _ => Err(format!("{path}: {status} {}", String::from_utf8_lossy(&body))),
        }
    }

    /// What is answered to a body of JSON.
    pub(super) fn post(&mut self, path: &str, json: &str) -> Outcome<Vec<u8>> {
        let mut body = Vec::new();
        let words = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            json.len()
        );
        let status = self.send("POST", path, &words, json, &mut |piece| {
            body.extend_from_slice(piece);
            Ok(())
        })?;
        match status {
            200..=299 => Ok(body),
            _ => Err(format!("{path}: {status} {}", String::from_utf8_lossy(&body))),
        }
    }

    /// Asks, hands the body over piece by piece, and tells the status.
    pub(super) fn ask(&mut self, path: &str, piece: &mut dyn FnMut(&[u8]) -> Outcome) -> Outcome<u16> {
        self.send("GET", path, "", "", piece)
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        words: &str,
        body: &str,
        piece: &mut dyn FnMut(&[u8]) -> Outcome,
    ) -> Outcome<u16> {
        let token = self.token.as_ref();
        let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{token}{words}\r\n{body}",
            self.host
        );
        let sent = self.stream.get_mut().write_all(request.as_bytes());
        sent.map_err(|error| told(&error))?;
        let (status, length) = self.head()?;
        match length {
            Length::Known(bytes) => self.pass_on(bytes, piece)?,
            Length::Chunked => loop {
                let line = self.line()?;
                let size = u64::from_str_radix(line.trim(), 16)
                    .map_err(|_| format!("{path}: the answer broke off: {line:?}"))?;
                self.pass_on(size, piece)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            },
        }
        Ok(status)
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(|error| told(&error))?;
        Ok(line)
    }

    fn head(&mut self) -> Outcome<(u16, Length)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| format!("no answer of HTTP: {first:?}"))?;
        let mut length = Length::Known(0);
        loop {
            let line = self.line()?.to_lowercase();
            match line.trim().split_once(':') {
                None => return Ok((status, length)),
                Some(("content-length", bytes)) => {
                    length = Length::Known(bytes.trim().parse().unwrap_or_default());
                }
                Some(("transfer-encoding", _)) => length = Length::Chunked,
                Some(_) => {}
            }
        }
    }

    fn pass_on(&mut self, mut left: u64, piece: &mut dyn FnMut(&[u8]) -> Outcome) -> Outcome {
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = self
                .stream
                .read(&mut buffer[..most])
                .map_err(|error| told(&error))?;
            if read == 0 {
                return Err("the answer broke off".to_owned());
            }
            piece(&buffer[..read])?;
            left -= read as u64;
        }
        Ok(())
    }
}
