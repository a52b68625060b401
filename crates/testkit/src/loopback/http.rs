//! An HTTP server that answers with a function.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{Loopback, locked};

/// What somebody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// The `authorization` header.
    pub authorization: String,
    pub body: String,
}

/// Status, body, and where a redirect leads.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub body: Option<Value>,
    pub location: Option<String>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Reply {
            status,
            ..Reply::default()
        }
    }
}

#[derive(Debug)]
pub struct FakeHttp {
    server: Loopback,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeHttp {
    pub fn serve(mut answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        let server = Loopback::serve(move |stream| {
            // Whoever hangs up in the middle has asked nothing.
            if let Ok(request) = read(&stream) {
                let reply = answer(&request);
                locked(&heard).push(request);
                let _ = write(&stream, &reply);
            }
        });
        FakeHttp { server, requests }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.requests).clone()
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let mut words = first.split_whitespace();
    let mut word = || {
        words
            .next()
            .map(str::to_owned)
            .ok_or(std::io::ErrorKind::InvalidData)
    };
    let mut request = Request {
        method: word()?,
        path: word()?,
        ..Request::default()
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.trim().clone_into(&mut request.authorization),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    lines.take(length).read_to_string(&mut request.body)?;
    Ok(request)
}

fn write(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    let body = reply.body.as_ref().map(Value::to_string).unwrap_or_default();
    let location = reply
        .location
        .as_ref()
        .map(|to| format!("location: {to}\r\n"))
        .unwrap_or_default();
    write!(
        stream,
        "HTTP/1.1 {} said\r\ncontent-type: application/json\r\n{location}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        reply.status,
        body.len()
    )
}
