//! A served instance for tests of the API, and a reader of its events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::instance::Instance;
use crate::served::{Answer, Served};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A served world, and an administrator's token.
pub(crate) struct House {
    pub(crate) instance: Instance,
    pub(crate) served: Served,
    pub(crate) token: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let instance = Instance::new();
        instance.make_world();
        instance.ok(&["source", "add", "folder", "world", "./world"]);
        instance.ok(&["init"]);
        let token = person(&instance, "chief", "administrator");
        let served = Served::start(&instance);
        House {
            instance,
            served,
            token,
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        self.served.ask(method, path, Some(&self.token), body.as_deref())
    }

    pub(crate) fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.call(method, path, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {text}",
            answer.status
        );
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Waits for the end of a job by its stream of events; how it ended.
    pub(crate) fn follow(&self, job: &str) -> Value {
        let events = self.events(&format!("/api/jobs/{job}/events"), &[]);
        let end = events.last().expect("an event");
        assert_eq!(end.name, "end");
        end.data.clone()
    }

    /// Reads a stream until it ends.
    pub(crate) fn events(&self, path: &str, headers: &[&str]) -> Vec<Event> {
        Stream::open(self, path, headers).collect()
    }

    pub(crate) fn backup(&self) -> String {
        let asked = self.ok("POST", "/api/backups", Some(&json!({"source": "world"})));
        let end = self.follow(asked["job"].as_str().unwrap());
        assert_eq!(end["state"], "succeeded", "{end}");
        asked["backup"].as_str().unwrap().to_owned()
    }
}

/// A person with a role, and a token of his.
pub(crate) fn person(instance: &Instance, name: &str, role: &str) -> String {
    instance.with_stdin(
        &["person", "add", name, "--role", role, "--password-stdin"],
        PASSWORD,
    );
    let made = instance.ok(&["token", "create", "--person", name]);
    made["token"].as_str().unwrap().to_owned()
}

/// Agrees to a plan as it was shown.
pub(crate) fn yes(plan: &Value) -> Value {
    json!({"hash": plan["hash"], "confirm": plan["confirm"]})
}

pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

/// What a server sends, as long as it does.
pub(crate) struct Stream(BufReader<TcpStream>);

impl Stream {
    pub(crate) fn open(house: &House, path: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(&house.served.address).unwrap();
        let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{more}\r\n",
            house.token
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while !line.trim().is_empty() {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Stream(reader)
    }
}

impl Iterator for Stream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), None, None);
        loop {
            let mut line = String::new();
            // Sizes of chunks stand between the events; they look like no field.
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(text).unwrap());
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Some(Event { name, id, data });
            }
        }
    }
}
