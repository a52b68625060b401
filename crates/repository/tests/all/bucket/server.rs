//! A bucket in memory behind real HTTP, with faults.
//!
//! Nouns: a [`Fault`] is what happens to a request instead of a right answer; a [`Plan`] says to which requests, and whether once each or
//! always. It speaks what a repository needs: PUT (also only-if-absent), GET (also of a range), HEAD, DELETE, and listing.
//! Every connection carries one request.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status, and nothing is done.
    Status(u16),
    /// 200 with an empty body, and nothing is written or read.
    Empty,
    /// The connection is reset, and nothing is done.
    Reset,
    /// Everything is done, but the connection ends before the answer.
    Lost,
    /// Everything is done, but the answer breaks off in its middle.
    Torn,
    /// No answer, until the client gives up.
    Silent,
    /// The right answer, after somebody has looked twice whether the config is there.
    SlowUntilAskedTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Often {
    /// Every request when it comes for the first time.
    OncePerRequest,
    /// The first request of every method.
    OncePerMethod,
    Always,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    pub(crate) often: Often,
    /// Only these: the beginning of “METHOD /path”.
    pub(crate) only: &'static [&'static str],
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    plan: Option<Plan>,
    hit: HashSet<String>,
    faults: usize,
    looks: usize,
}

pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    range: Option<(usize, usize)>,
    is_new_only: bool,
    body: Vec<u8>,
}

impl Server {
    /// On a free port; its threads end with the process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away is no failure of the server.
                std::thread::spawn(move || serve(connection, &state).unwrap_or_default());
            }
        });
        Server { address, state }
    }

    pub(crate) fn plan(&self, plan: Option<Plan>) {
        let mut state = self.state.lock().unwrap();
        state.plan = plan;
        state.hit.clear();
        state.faults = 0;
        state.looks = 0;
    }

    /// How many requests met the fault of the present plan.
    pub(crate) fn faults(&self) -> usize {
        self.state.lock().unwrap().faults
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }
}

impl State {
    fn fault(&mut self, line: &str) -> Option<Fault> {
        let plan = self.plan?;
        let (method, _) = line.split_once(' ')?;
        let is_meant = plan.only.is_empty() || plan.only.iter().any(|start| line.starts_with(start));
        let key = match plan.often {
            Often::OncePerMethod => method,
            _ => line,
        };
        self.looks += usize::from(line.starts_with("HEAD") && line.contains("/config"));
        let is_due = is_meant && (plan.often == Often::Always || self.hit.insert(key.to_owned()));
        self.faults += usize::from(is_due);
        is_due.then_some(plan.fault)
    }

    /// Status, headers, body.
    fn answer(&mut self, request: &Request) -> (u16, String, Vec<u8>) {
        let found = self.objects.get(&request.path);
        match request.method.as_str() {
            "PUT" if request.is_new_only && found.is_some() => (412, String::new(), Vec::new()),
            "PUT" => {
                self.objects.insert(request.path.clone(), request.body.clone());
                (200, "ETag: \"1\"\r\n".to_owned(), Vec::new())
            }
            "DELETE" => {
                self.objects.remove(&request.path);
                (204, String::new(), Vec::new())
            }
            "GET" if request.query.contains("list-type=2") => (200, String::new(), self.list(&request.query)),
            "GET" | "HEAD" => match (found, request.range) {
                (None, _) => (404, String::new(), Vec::new()),
                (Some(bytes), None) => (200, facts(), bytes.clone()),
                (Some(bytes), Some((from, _))) if from >= bytes.len() => (416, String::new(), Vec::new()),
                (Some(bytes), Some((from, to))) => {
                    let to = to.min(bytes.len() - 1);
                    let range = format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
                    (206, facts() + &range, bytes[from..=to].to_vec())
                }
            },
            _ => (405, String::new(), Vec::new()),
        }
    }

    fn list(&self, query: &str) -> Vec<u8> {
        let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix="));
        let prefix = format!("/bucket/{}", prefix.unwrap_or_default().replace("%2F", "/"));
        let mut xml = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
        for (path, bytes) in self.objects.iter().filter(|(path, _)| path.starts_with(&prefix)) {
            let (key, size) = (path.trim_start_matches("/bucket/"), bytes.len());
            xml += &format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"1\"</ETag>\
                 <LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
            );
        }
        (xml + "</ListBucketResult>").into_bytes()
    }
}

fn facts() -> String {
    "ETag: \"1\"\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n".to_owned()
}

fn serve(mut connection: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    // Looked at, but not taken: whoever closes with something unread resets the connection.
    let head = loop {
        let count = connection.peek(&mut bytes)?;
        let head = String::from_utf8_lossy(&bytes[..count]).into_owned();
        match head.split_once("\r\n\r\n") {
            Some((head, _)) => break head.to_owned(),
            None if count == 0 => return Ok(()),
            None => std::thread::yield_now(),
        }
    };
    let line = head.lines().next().unwrap_or_default().to_owned();
    let fault = state.lock().unwrap().fault(&line);
    if fault == Some(Fault::Reset) {
        return Ok(());
    }
    let request = read(&mut connection, &head)?;
    if fault == Some(Fault::Silent) {
        return std::io::copy(&mut connection, &mut std::io::sink()).map(|_| ());
    }
    while fault == Some(Fault::SlowUntilAskedTwice) && state.lock().unwrap().looks < 2 {
        std::thread::yield_now();
    }
    let (status, headers, body) = match fault {
        Some(Fault::Status(status)) => (
            status,
            String::new(),
            b"<Error><Code>SlowDown</Code></Error>".to_vec(),
        ),
        // To a deletion that is a right answer, so it is done.
        Some(Fault::Empty) if request.method != "DELETE" => (200, facts(), Vec::new()),
        _ => state.lock().unwrap().answer(&request),
    };
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n")
            .into_bytes();
    if request.method != "HEAD" {
        answer.extend(body);
    }
    let sent = match fault {
        Some(Fault::Lost) => 0,
        Some(Fault::Torn) => answer.len() - (answer.len() / 3).max(1),
        _ => answer.len(),
    };
    connection.write_all(&answer[..sent])
}

fn read(connection: &mut TcpStream, head: &str) -> std::io::Result<Request> {
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let length = header("content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    let mut bytes = vec![0; head.len() + 4 + length];
    connection.read_exact(&mut bytes)?;
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let range = header("range").and_then(|value| value.strip_prefix("bytes="));
    let range = range.and_then(|range| range.split_once('-'));
    Ok(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        range: range.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?))),
        is_new_only: header("if-none-match").is_some(),
        body: bytes.split_off(head.len() + 4),
    })
}
