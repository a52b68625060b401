//! `cargo xtask bench door`: the serving process, measured from outside by clients on the same machine.
//!
//! Two instances: one whose catalog is full (the example `full_catalog`), for lists; one with a backup of some size, for downloads. Server
//! and clients share the cores. A download is set against the same export on the command line, which is what the door adds to it, and against
//! reading every byte of the backup back, which is what the engine can do.

mod client;
mod load;
mod server;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::data::{self, Set};
use super::options::Options;
use super::table::{Verdict, heading, missed};
use crate::run::{self, Outcome};
use load::Request;
use server::{House, Server};

/// The list that is measured: the first of these paths that is there. `{server}` stands for a source.
const LISTS: [&str; 2] = [
    "/api/backups/?limit=50",
    "/api/client/servers/{server}/backups?per_page=50",
];
const FORMATS: [&str; 3] = ["tar.gz", "tar.zst", "zip"];

const ALIVE_A_SECOND: f64 = 5_000.0;
const LISTS_A_SECOND: u32 = 200;
const LIST_MS: f64 = 20.0;
const SHARE: f64 = 0.8;
const DOWNLOADS: usize = 50;
const DOWNLOADS_MIB: f64 = 150.0;
/// What each of them reads in a second.
const SIP: u64 = 512 * 1024;
/// Half of the data of the benches of whole programs: 1.6 GB.
const SIZE: f64 = 0.5;

/// One thing that was measured; told at once, since the whole takes long.
struct Line {
    what: String,
    seen: String,
    verdict: Option<Verdict>,
}

impl Line {
    fn plain(what: impl Into<String>, seen: String) -> Self {
        let what = what.into();
        eprintln!("bench: {what}: {seen}");
        Line {
            what,
            seen,
            verdict: None,
        }
    }

    fn with_goal(what: impl Into<String>, goal: &str, seen: String, is_reached: bool) -> Self {
        let mut line = Line::plain(what, seen);
        line.verdict = Some(Verdict::new(goal, Some((line.seen.clone(), is_reached))));
        line
    }
}

pub(crate) fn run(root: &Path, options: &Options) -> Outcome<String> {
    let cairn = super::build(root, "cairn")?;
    let place = options.data.join("door");
    let lasting = Duration::from_secs_f64(20.0 * options.scale.max(0.1));
    let mut lines = lists(&full_house(root, &cairn, &place)?, lasting)?;
    let (house, bytes) = large_house(&cairn, &place, options)?;
    lines.extend(downloads(&house, bytes)?);
    for format in FORMATS {
        lines.extend(memory(&house, format, lasting)?);
    }
    let section = format!("{}\n{}", heading("The door", options)?, table(&lines));
    println!("{section}");
    Ok(section)
}

fn table(lines: &[Line]) -> String {
    let mut text = String::from(
        "100,000 backups and as many finished jobs of 1,000 sources for the lists; server and clients on the same cores, kept-alive \
         connections. A list's time begins when its request was due.\n\n",
    );
    let mut verdicts = Vec::new();
    let mut rows = String::from("\n| what | seen | goal |\n|---|---|---|\n");
    for line in lines {
        let goal = line.verdict.as_ref().map_or("–", |verdict| verdict.text.as_str());
        let _ = writeln!(rows, "| {} | {} | {goal} |", line.what, line.seen);
        if let Some(verdict) = &line.verdict {
            let verdict = Verdict {
                text: verdict.text.clone(),
                is_missed: verdict.is_missed,
            };
            verdicts.push((line.what.as_str(), verdict));
        }
    }
    text.push_str(&missed(verdicts.into_iter()));
    text + &rows
}

/// With 100,000 backups; made once.
fn full_house(root: &Path, cairn: &Path, place: &Path) -> Outcome<House> {
    let data = place.join("full");
    let stamp = place.join("full.complete");
    let cairn = cairn.to_path_buf();
    if stamp.is_file() {
        return Ok(House { cairn, data });
    }
    eprintln!("bench: filling a catalog; that takes some minutes");
    super::remove(&data)?;
    std::fs::create_dir_all(place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
    let filler = super::build(root, "full")?;
    run::read(Command::new(filler).arg(&data))?;
    std::fs::write(&stamp, "").map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(House { cairn, data })
}

fn lists(house: &House, lasting: Duration) -> Outcome<Vec<Line>> {
    let token = house.token()?;
    let sources = house.ask(&["source", "list"])?;
    let source = sources[0]["id"]
        .as_str()
        .ok_or("a full catalog without a source")?;
    let server = Server::start(house)?;
    let request = |path: &str, token: Option<&String>| Request {
        address: server.address.clone(),
        path: path.replace("{server}", source),
        token: token.cloned(),
    };
    let alive = load::flood(&request("/healthz", None), 8, lasting / 2)?;
    let mut there = LISTS
        .iter()
        .map(|path| request(path, Some(&token)))
        .filter(|request| {
            let mut client = request.client();
            client
                .as_mut()
                .is_ok_and(|client| client.get(&request.path).is_ok())
        });
    let list = there.next().ok_or("none of the lists is there")?;
    let times = load::pace(&list, LISTS_A_SECOND, 16, lasting)?;
    let (count, slow) = (times.len(), load::p99(times));
    let shown = list.path.replace(source, "…");
    Ok(vec![
        Line::with_goal(
            "`/healthz`, requests a second",
            &format!("≥ {ALIVE_A_SECOND}"),
            format!("{alive:.0}"),
            alive >= ALIVE_A_SECOND,
        ),
        Line::with_goal(
            format!("`{shown}`, p99 of {count} at {LISTS_A_SECOND} a second"),
            &format!("≤ {LIST_MS} ms"),
            format!("{slow:.1} ms"),
            slow <= LIST_MS,
        ),
    ])
}

/// With one backup of a game server; made once for each scale. And how many bytes that is.
fn large_house(cairn: &Path, place: &Path, options: &Options) -> Outcome<(House, u64)> {
    let folder = data::prepare(Set::Game, place, options.scale * SIZE)?;
    let house = House {
        cairn: cairn.to_path_buf(),
        data: place.join("large"),
    };
    let bytes = data::size(&folder)?;
    let name = format!("{bytes} bytes");
    let there = house
        .ask(&["show", "game"])
        .is_ok_and(|backup| backup["name"] == name.as_str());
    if !there {
        super::remove(&house.data)?;
        let mut command = house.command();
        command.arg("backup").arg(&folder).args(["--name", &name]);
        run::read(&mut command)?;
    }
    data::warm(&house.data)?;
    Ok((house, bytes))
}

fn seconds_of(command: &mut Command) -> Outcome<f64> {
    let begin = Instant::now();
    run::run(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Of three, the middle one.
fn middle(mut once: impl FnMut() -> Outcome<f64>) -> Outcome<f64> {
    let mut times = [once()?, once()?, once()?];
    times.sort_by(f64::total_cmp);
    Ok(times[1])
}

fn downloads(house: &House, bytes: u64) -> Outcome<Vec<Line>> {
    let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
    let told = |rate: f64| format!("{rate:.0} MB/s");
    let read = rate(middle(|| seconds_of(house.command().args(["verify", "game"])))?);
    let mut lines = vec![Line::plain(
        format!("the engine alone reads {} MB back", bytes / 1_000_000),
        told(read),
    )];
    let mut exported = Vec::new();
    for format in FORMATS {
        let export = || {
            let words = ["--quiet", "export", "game", "--format", format, "-o", "-"];
            seconds_of(house.command().args(words))
        };
        let seen = rate(middle(export)?);
        lines.push(Line::plain(
            format!("`cairn export --format {format}`"),
            told(seen),
        ));
        exported.push((format, seen));
    }
    let token = house.token()?;
    let server = Server::start(house)?;
    for (format, export) in exported {
        let seen = rate(middle(|| {
            let link = link(house, &server, &token, format)?;
            let begin = Instant::now();
            let status = link.client()?.ask(&link.path, &mut |_| Ok(()))?;
            match status {
                200 => Ok(begin.elapsed().as_secs_f64()),
                _ => Err(format!("a download was answered with {status}")),
            }
        })?);
        for (peer, of) in [
            (format!("`cairn export --format {format}`"), export),
            ("the engine's reading".to_owned(), read),
        ] {
            lines.push(Line::with_goal(
                format!("download as {format}, against {peer}"),
                &format!("≥ {:.0} %", SHARE * 100.0),
                format!("{} are {:.0} %", told(seen), seen / of * 100.0),
                seen / of >= SHARE,
            ));
        }
    }
    Ok(lines)
}

/// A fresh link to the backup.
fn link(house: &House, server: &Server, token: &str, format: &str) -> Outcome<Request> {
    let backup = house.ask_for(&["show", "game"], "id")?;
    let mut asked = Request {
        address: server.address.clone(),
        path: format!("/api/backups/{backup}/download"),
        token: Some(token.to_owned()),
    };
    let wanted = format!("{{\"format\": \"{format}\"}}");
    let answer = asked.client()?.post(&asked.path, &wanted)?;
    let answer: serde_json::Value =
        serde_json::from_slice(&answer).map_err(|error| format!("no link: {error}"))?;
    let url = answer["url"].as_str().unwrap_or_default();
    let path = url.split_once(&server.address).map(|(_, path)| path.to_owned());
    asked.path = path.ok_or_else(|| format!("no link of this server: {answer}"))?;
    asked.token = None;
    Ok(asked)
}

fn memory(house: &House, format: &str, lasting: Duration) -> Outcome<Vec<Line>> {
    let token = house.token()?;
    let server = Server::start(house)?;
    let link = link(house, &server, &token, format)?;
    let idle = server.peak_mib()?;
    let links: Vec<Request> = std::iter::repeat_n(link, DOWNLOADS).collect();
    let bytes = load::sip(&links, SIP, lasting)?;
    let peak = server.peak_mib()?;
    Ok(vec![
        Line::plain("memory of a server at its start", format!("{idle:.0} MiB")),
        Line::with_goal(
            format!(
                "its peak while {DOWNLOADS} downloads as {format} were read slowly, {} MB in all",
                bytes / 1_000_000
            ),
            &format!("≤ {DOWNLOADS_MIB} MiB"),
            format!("{peak:.0} MiB"),
            peak <= DOWNLOADS_MIB,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_was_seen_and_which_goals_were_missed() {
        let text = table(&[
            Line::plain("a server", "12 MiB".to_owned()),
            Line::with_goal("a list", "≤ 20 ms", "31.0 ms".to_owned(), false),
        ]);
        assert!(
            text.contains("- a list: Goal ≤ 20 ms: **missed**, 31.0 ms"),
            "{text}"
        );
        assert!(text.contains("| a server | 12 MiB | – |"), "{text}");
    }
}
