//! Uploads over HTTP that are too large, broken off, slow, hostile, or just large.

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::process::Command;

use serde_json::json;

use crate::app::{App, UPLOAD, detail};
use crate::instance::finished;
use crate::sending::{Sending, file_head, form, form_end, form_type, late_form};
use crate::served::{Served, answered};

const RAW: &str = "application/octet-stream";
const TEN_GB: u64 = 10 << 30;

/// How many files lie where uploads lie.
fn lying(app: &App) -> usize {
    fs::read_dir(app.instance.data().join("uploads")).map_or(0, Iterator::count)
}

/// Asks until it is so; the program answers in the meantime.
fn until(app: &App, is_so: impl Fn() -> bool) {
    while !is_so() {
        app.instance.ok(&["jobs"]);
    }
}

/// The most memory that the process ever had, in MiB.
fn peak(served: &Served) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn what_is_announced_as_too_large_is_refused_at_once() {
    let app = App::limited("8M");
    for (kind, head) in [(RAW, ""), (&form_type()[..], &file_head("zeros.tar.gz")[..])] {
        let length = format!("Content-Length: {TEN_GB}");
        let mut stream = app.sending().begin(kind, &length);
        let _ = stream.write_all(head.as_bytes());
        let sent = Sending::zeros(&mut stream, TEN_GB, false);
        let refused = answered(&mut stream);
        assert!(detail(&refused, 413).contains("8.0 MiB"), "{kind}");
        assert!(detail(&refused, 413).contains("CAIRN_UPLOAD_LIMIT"));
        assert!(sent < 1 << 30, "{sent} bytes went to nobody");
    }
    assert_eq!(lying(&app), 0);
}

#[test]
fn what_has_no_length_is_cut_at_the_limit() {
    let app = App::limited("8M");
    for kind in [RAW, &form_type()] {
        let mut stream = app.sending().begin(kind, "Transfer-Encoding: chunked");
        if kind != RAW {
            let head = file_head("zeros.tar.gz");
            write!(stream, "{:x}\r\n{head}\r\n", head.len()).unwrap();
        }
        let sent = Sending::zeros(&mut stream, TEN_GB, true);
        assert!(detail(&answered(&mut stream), 413).contains("8.0 MiB"), "{kind}");
        assert!(sent < 1 << 30, "{sent} bytes went to nobody");
    }
    assert_eq!(lying(&app), 0);
    assert!(peak(&app.served) < 200, "{} MiB", peak(&app.served));
}

#[test]
fn an_upload_that_breaks_off_leaves_no_file() {
    let app = App::new();
    for (kind, length) in [
        (RAW, "Content-Length: 1000000"),
        (RAW, "Transfer-Encoding: chunked"),
        (&form_type()[..], "Content-Length: 1000000"),
    ] {
        let mut stream = app.sending().begin(kind, length);
        let head = if kind == RAW {
            String::new()
        } else {
            file_head("a.tar.gz")
        };
        stream.write_all(head.as_bytes()).unwrap();
        Sending::zeros(&mut stream, 400_000, length.contains("chunked"));
        until(&app, || lying(&app) == 1);
        drop(stream);
        until(&app, || lying(&app) == 0);
    }
    // A form without its end, properly closed.
    let body = form(&[], "a.tar.gz", &[7; 1000]);
    let cut = app.sending().whole(&form_type(), &body[..body.len() - 20]);
    assert_eq!(cut.status, 400);
    assert_eq!(app.call("GET", "/api/backups/jobs/", None).json(), json!([]));
    assert_eq!(lying(&app), 0);
}

#[test]
fn a_server_that_is_killed_leaves_nothing_that_stays() {
    let mut app = App::new();
    let mut stream = app.sending().begin(RAW, "Content-Length: 1000000");
    Sending::zeros(&mut stream, 400_000, false);
    until(&app, || lying(&app) == 1);
    app.served.tell("-KILL");
    app.served.child.wait().unwrap();
    assert_eq!(lying(&app), 1);
    app.served = Served::start(&app.instance);
    until(&app, || lying(&app) == 0);
}

#[test]
fn a_hostile_archive_is_refused_and_removed_and_nothing_is_touched() {
    let app = App::new();
    fs::write(app.instance.path("evil"), b"x").unwrap();
    let tar = Command::new("tar")
        .args(["czf", "evil.tar.gz", "--transform", "s,^,../../,", "-P", "evil"])
        .current_dir(app.instance.dir.path())
        .output()
        .unwrap();
    assert_eq!(finished(&tar).code, 0);
    let bytes = fs::read(app.instance.path("evil.tar.gz")).unwrap();
    let done = app.done(
        &app.sending()
            .whole(&form_type(), &form(&[], "evil.tar.gz", &bytes)),
    );
    assert_eq!(done["status"], "failed");
    let message = done["error_message"].as_str().unwrap();
    assert!(
        message.contains("refused") && message.contains("evil"),
        "{message}"
    );
    assert_eq!(lying(&app), 0);
    assert_eq!(
        fs::read_dir(app.instance.data().join("scratch")).unwrap().count(),
        0
    );
    assert_eq!(app.instance.ok(&["list"]), json!([]));
    let text = app.sending().whole(RAW, b"no archive at all");
    assert!(detail(&text, 400).contains("not an archive"));
    assert_eq!(lying(&app), 0);
    assert_eq!(
        fs::read(app.instance.path("world/level.dat")).unwrap(),
        b"level one"
    );
}

#[test]
fn who_sends_slowly_holds_nobody_up() {
    let app = App::new();
    let id = app.back_up()["id"].as_str().unwrap().to_owned();
    let archive = app.job("GET", &id, "download/").body;
    let mut slow = app
        .sending()
        .begin(RAW, &format!("Content-Length: {}", archive.len()));
    let half = archive.len() / 2;
    slow.write_all(&archive[..half]).unwrap();
    until(&app, || lying(&app) == 1);
    let quick = app.done(&app.sending().whole(RAW, &archive));
    assert_eq!(quick["status"], "succeeded", "{quick}");
    assert_eq!(app.back_up()["status"], "succeeded");
    slow.write_all(&archive[half..]).unwrap();
    let late = app.done(&answered(&mut slow));
    assert_eq!(late["status"], "succeeded", "{late}");
}

#[test]
fn a_person_has_four_uploads_at_once() {
    let app = App::new();
    let mut open = Vec::new();
    for number in 1..=4 {
        open.push(app.sending().begin(RAW, "Content-Length: 1000"));
        until(&app, || lying(&app) == number);
    }
    let fifth = app.sending().whole(RAW, &[0x1f; 1000]);
    assert!(detail(&fifth, 429).contains("4 uploads"));
    for stream in &open {
        stream.shutdown(Shutdown::Both).unwrap();
    }
    until(&app, || lying(&app) == 0);
}

#[test]
fn forms_are_read_strictly_and_their_fields_are_bounded() {
    let app = App::new();
    let send = |body: &[u8]| app.sending().whole(&form_type(), body);
    let late = send(&late_form(&[0x1f, 0x8b], "source", "tv"));
    assert!(detail(&late, 400).contains("before the file"));
    let large = "x".repeat(100_000);
    assert_eq!(send(&form(&[("name", &large)], "a.tar.gz", b"")).status, 413);
    let many: Vec<(String, String)> = (0..20).map(|n| (format!("f{n}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(send(&form(&many, "a.tar.gz", b"")).status, 413);
    assert_eq!(app.sending().whole("multipart/form-data", b"x").status, 400);
    // A head of a part that never ends is not kept.
    let mut stream = app
        .sending()
        .begin(&form_type(), &format!("Content-Length: {TEN_GB}"));
    stream.write_all(file_head("a").trim_end().as_bytes()).unwrap();
    Sending::zeros(&mut stream, TEN_GB, false);
    assert_eq!(answered(&mut stream).status, 413);
    assert!(peak(&app.served) < 200, "{} MiB", peak(&app.served));
    let wrong = app.served.ask(
        "POST",
        &format!("{UPLOAD}?source=nothing"),
        Some(&app.token),
        Some("{}"),
    );
    assert_eq!(wrong.status, 404);
    assert_eq!(lying(&app), 0);
}

#[test]
fn a_gigabyte_goes_through_without_lying_in_memory() {
    const GB: u64 = 1 << 30;
    let app = App::new();
    let mut stream = app.sending().begin(&form_type(), "Transfer-Encoding: chunked");
    let head = [file_head("zeros.tar.gz").as_bytes(), &[0x1f, 0x8b]].concat();
    let mut chunk = |bytes: &[u8]| {
        write!(stream, "{:x}\r\n", bytes.len()).unwrap();
        stream.write_all(&[bytes, b"\r\n"].concat()).unwrap();
    };
    chunk(&head);
    let zeros = vec![0; 1 << 20];
    (0..GB >> 20).for_each(|_| chunk(&zeros));
    chunk(form_end().as_bytes());
    stream.write_all(b"0\r\n\r\n").unwrap();
    let failed = app.done(&answered(&mut stream));
    assert_eq!(
        failed["status"], "failed",
        "it was no archive after all: {failed}"
    );
    assert!(peak(&app.served) < 200, "{} MiB", peak(&app.served));
    assert_eq!(lying(&app), 0);
}
