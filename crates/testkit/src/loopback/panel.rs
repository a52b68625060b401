//! A panel with one server: its state, its power, its token.
//!
//! A change takes as many looks at the state as was said; until then the server is `starting` or `stopping`.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{FakeHttp, Reply, Request, locked};

#[derive(Debug)]
struct Server {
    state: &'static str,
    /// What it becomes after so many looks.
    next: Option<(&'static str, u32)>,
    looks: u32,
    signals: Vec<String>,
    broken: Option<u16>,
}

#[derive(Debug)]
pub struct FakePanel {
    http: FakeHttp,
    server: Arc<Mutex<Server>>,
}

impl FakePanel {
    /// The id of the server.
    pub const SERVER: &'static str = "1a2b3c4d";

    /// A server in a state (`running`, `offline`), whose changes take this many looks.
    pub fn start(token: &str, state: &'static str, looks: u32) -> Self {
        let server = Arc::new(Mutex::new(Server {
            state,
            next: None,
            looks,
            signals: Vec::new(),
            broken: None,
        }));
        let (shared, bearer) = (server.clone(), format!("Bearer {token}"));
        let http = FakeHttp::serve(move |request| {
            let mut server = locked(&shared);
            match server.broken {
                Some(status) => Reply::status(status),
                None if request.authorization != bearer => Reply::status(401),
                None => server.answer(request),
            }
        });
        FakePanel { http, server }
    }

    pub fn url(&self) -> String {
        self.http.url()
    }

    pub fn state(&self) -> &'static str {
        locked(&self.server).state
    }

    /// Somebody else changes it.
    pub fn set_state(&self, state: &'static str) {
        let mut server = locked(&self.server);
        (server.state, server.next) = (state, None);
    }

    /// The signals that it was sent.
    pub fn signals(&self) -> Vec<String> {
        locked(&self.server).signals.clone()
    }

    /// From now on it answers with this status and nothing else.
    pub fn break_down(&self, status: u16) {
        locked(&self.server).broken = Some(status);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.http.requests()
    }
}

impl Server {
    fn answer(&mut self, request: &Request) -> Reply {
        let base = format!("/api/client/servers/{}/", FakePanel::SERVER);
        match (request.method.as_str(), request.path.strip_prefix(&base)) {
            ("GET", Some("resources")) => Reply {
                status: 200,
                body: Some(self.resources()),
                location: None,
            },
            ("POST", Some("power")) => self.power(&request.body),
            _ => Reply::status(404),
        }
    }

    fn resources(&mut self) -> Value {
        match self.next.take() {
            Some((next, 0)) => self.state = next,
            Some((next, looks)) => self.next = Some((next, looks - 1)),
            None => {}
        }
        json!({ "object": "stats", "attributes": { "current_state": self.state, "is_suspended": false } })
    }

    fn power(&mut self, body: &str) -> Reply {
        let told: Value = serde_json::from_str(body).unwrap_or_default();
        let signal = told["signal"].as_str().unwrap_or_default().to_owned();
        let (during, then) = match signal.as_str() {
            "start" | "restart" => ("starting", "running"),
            "stop" | "kill" => ("stopping", "offline"),
            _ => return Reply::status(422),
        };
        self.signals.push(signal);
        (self.state, self.next) = (during, Some((then, self.looks)));
        Reply::status(204)
    }
}
