//! A serving process, and a small client of HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::instance::Instance;

/// A serving process that has said that it serves.
pub(crate) struct Served {
    pub(crate) child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// In small letters, as the whole head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Served {
    pub(crate) fn start(instance: &Instance) -> Self {
        Served::start_with(instance, &[])
    }

    pub(crate) fn start_with(instance: &Instance, more: &[&str]) -> Self {
        // Tests ask as often as they like, unless it is this that they try.
        let rate = if more.contains(&"--rate") {
            &[][..]
        } else {
            &["--rate", "0"]
        };
        Served::start_by(instance.command(), rate, more)
    }

    /// One that is killed at a place that it knows by this word.
    pub(crate) fn that_dies_at(instance: &Instance, place: &str) -> Self {
        let mut command = instance.command();
        command.env("CAIRN_TEST_DIE_AT_RECORD", place);
        Served::start_by(command, &["--rate", "0"], &[])
    }

    /// One that is told to leave, or killed, at this place of a swap.
    pub(crate) fn that_is_disturbed(instance: &Instance, place: &str) -> Self {
        let mut command = instance.command();
        command.env("CAIRN_TEST_AT_SWAP", place);
        Served::start_by(command, &["--rate", "0"], &[])
    }

    fn start_by(mut command: Command, rate: &[&str], more: &[&str]) -> Self {
        let mut child = command
            .args(["serve", "--workers", "1", "--listen", "127.0.0.1:0"])
            .args(rate)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("serving"), "{line}");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let url = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"));
        let address = url
            .unwrap()
            .trim_end_matches(':')
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        Served { child, address }
    }

    pub(crate) fn tell(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(told.success());
    }

    /// One request, and the connection is closed.
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Answer {
        let token = token.map(|token| format!("Authorization: Bearer {token}"));
        let headers: Vec<&str> = token.iter().map(String::as_str).collect();
        self.ask_with(method, path, &headers, body)
    }

    /// The same with headers of one's own.
    pub(crate) fn ask_with(&self, method: &str, path: &str, headers: &[&str], body: Option<&str>) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        if let Some(body) = body {
            if !headers.iter().any(|header| header.starts_with("Content-Type")) {
                head.push_str("Content-Type: application/json\r\n");
            }
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        // Who is refused for his size is answered before he has sent everything.
        let _ = write!(stream, "{head}\r\n{}", body.unwrap_or_default());
        answered(&mut stream)
    }

    /// One request on which it dies.
    pub(crate) fn dies_of(mut self, method: &str, path: &str, headers: &[&str], body: &str) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut nothing = Vec::new();
        // The connection ends with the process, in good order or not.
        let _ = stream.read_to_end(&mut nothing);
        assert!(nothing.is_empty(), "{}", String::from_utf8_lossy(&nothing));
        assert!(!self.child.wait().unwrap().success());
    }
}

/// What comes until the connection ends. Who sends more than is wanted has it cut, with the answer already there.
pub(crate) fn answered(stream: &mut TcpStream) -> Answer {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = lowered(&bytes[..end]);
    let body = bytes.split_off(end + 4);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = if head.contains("transfer-encoding: chunked") {
        unchunked(&body)
    } else {
        body
    };
    Answer { status, head, body }
}

/// Names of headers in small letters, and values, too, but those that are secrets.
fn lowered(head: &[u8]) -> String {
    let text = String::from_utf8(head.to_vec()).unwrap();
    let line = |line: &str| match line.split_once(':') {
        Some((name, value)) if name.eq_ignore_ascii_case("set-cookie") => {
            let (secret, rest) = value.split_once(';').unwrap_or((value, ""));
            format!("{}:{secret};{}", name.to_lowercase(), rest.to_lowercase())
        }
        _ => line.to_lowercase(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\r\n")
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
