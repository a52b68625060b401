//! Who is slow, sends half of something, or comes too often at once: the door closes, and everybody else is served.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::instance::Instance;
use crate::served::{Served, answered};

fn impatient(more: &[&str]) -> (Instance, Served) {
    let instance = Instance::new();
    let mut words = vec!["--head-timeout", "300ms", "--body-timeout", "300ms"];
    words.extend_from_slice(more);
    let served = Served::start_with(&instance, &words);
    (instance, served)
}

fn sent(served: &Served, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// All that comes until the server closes the connection.
fn until_closed(stream: &mut TcpStream) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        text.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn half_a_head_and_an_idle_connection_are_closed_by_the_server() {
    let (_instance, served) = impatient(&[]);
    let whole = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n";
    for text in ["", "GET", "GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: "] {
        let said = until_closed(&mut sent(&served, text));
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{text:?}: {said}"
        );
    }
    let said = until_closed(&mut sent(&served, whole));
    assert!(said.starts_with("HTTP/1.1 200"), "answered, idle, closed: {said}");
}

#[test]
fn a_head_that_drips_is_cut_off_however_long_it_drips() {
    let (_instance, served) = impatient(&[]);
    let mut stream = sent(&served, "GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: ");
    let mut refused = None;
    // A byte each time, until the server has closed: the time-out is for the head and not for a byte.
    while refused.is_none() {
        refused = stream.write_all(b"a").err();
        std::thread::yield_now();
    }
    let kind = refused.unwrap().kind();
    assert!(
        matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{kind}"
    );
}

#[test]
fn a_body_that_stalls_is_not_waited_for() {
    let (_instance, served) = impatient(&[]);
    let head = "POST /api/session HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n";
    let said = until_closed(&mut sent(&served, &format!("{head}{{\"name\":")));
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    assert!(said.contains("\"hint\""), "{said}");
}

#[test]
fn requests_in_one_go_are_answered_in_their_order() {
    let (_instance, served) = impatient(&[]);
    let one = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: here\r\n{more}\r\n");
    let all = [
        one("/healthz", ""),
        one("/nothing", ""),
        one("/readyz", "Connection: close\r\n"),
    ]
    .concat();
    let said = until_closed(&mut sent(&served, &all));
    let found: Vec<_> = said
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &said[at + 9..at + 12])
        .collect();
    assert_eq!(found, ["200", "404", "200"], "{said}");
}

#[test]
fn one_place_has_a_quarter_of_the_connections_and_backups_go_on_while_they_are_held() {
    let instance = Instance::new();
    let served = Served::start_with(&instance, &["--connections", "80"]);
    let half = "GET /healthz HTTP/1.1\r\nHost: here\r\nX-Half: ";
    let mut held: Vec<TcpStream> = (0..20).map(|_| sent(&served, half)).collect();
    let mut refused = TcpStream::connect(&served.address).unwrap();
    let answer = answered(&mut refused);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("10")));
    let folder = instance.dir.path().join("held");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), b"bytes").unwrap();
    let backed_up = instance.command().arg("backup").arg(&folder).output().unwrap();
    assert!(backed_up.status.success(), "{backed_up:?}");
    // Who ends half of what was begun is served.
    let mut last = held.pop().unwrap();
    last.write_all(b"a\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answered(&mut last).status, 200);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let (_instance, served) = impatient(&[]);
    let mut stream = TcpStream::connect(&served.address).unwrap();
    let large = "a".repeat(256 << 10);
    let _ = stream
        .write_all(format!("GET /healthz HTTP/1.1\r\nHost: here\r\nX-Large: {large}\r\n\r\n").as_bytes());
    let said = until_closed(&mut stream);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
}
