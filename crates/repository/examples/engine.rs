//! Drives the engine alone, for benches and for trying things out.
//!
//! `engine init|backup|restore|check|prune|snapshots|ls|cat REPOSITORY …`, with the password in `CAIRN_REPOSITORY_PASSWORD`
//! and, when it shall have one, the folder for its cache in `CAIRN_CACHE`.
//!
//! For tests with real processes: `CAIRN_ENGINE_PACK_SIZE` (bytes), `CAIRN_ENGINE_GRACE_MS` (of prune), `CAIRN_ENGINE_AHEAD` (a file with
//! the milliseconds by which the clock is ahead), and `CAIRN_ENGINE_SIGNAL` (`stop@3`, `kill@0`: the signal that the process
//! sends itself before that change of the repository, counted from 0), and `CAIRN_ENGINE_DIES_AT_CALL` (it is killed before that call to
//! the file system, counted from 0: also in the middle of writing a file).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Cancel, Clock, Problem, Progress, Result, SystemClock};
use repository::{Level, Options, Repository, SnapshotMeta, Tree, storage};
use rustix::process::{Signal, getpid, kill_process};
use sources::folder::walk::{WalkOptions, walk};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(problem) = run(&arguments) {
        eprintln!("error: {}", problem.message());
        if let Some(hint) = problem.hint_text() {
            eprintln!("hint: {hint}");
        }
        std::process::exit(i32::from(problem.kind().exit_code()));
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let word = |at: usize| {
        arguments
            .get(at)
            .map(String::as_str)
            .ok_or_else(|| Problem::invalid("an argument is missing"))
    };
    let password = std::env::var("CAIRN_REPOSITORY_PASSWORD")
        .map_err(|_| Problem::invalid("CAIRN_REPOSITORY_PASSWORD is not set"))?;
    let storage = interrupted(Arc::new(disk(word(1)?)))?;
    let options = options();
    if word(0)? == "init" {
        return Repository::create(storage, &password, options).map(|_| ());
    }
    let repository = Repository::open(storage, &password, options)?;
    match word(0)? {
        "backup" => backup(&repository, Path::new(word(2)?)),
        "check" => check(&repository),
        "prune" => {
            let grace_ms = setting("CAIRN_ENGINE_GRACE_MS").unwrap_or(0);
            let plan = repository.prune(grace_ms, &Progress::new(), &Cancel::new())?;
            println!("{} bytes freed", plan.bytes_freed);
            Ok(())
        }
        "restore" => restore(&repository, word(2)?, Path::new(word(3)?)),
        "snapshots" => {
            for snapshot in repository.snapshots()? {
                println!("{} {} {}", snapshot.id, snapshot.time, snapshot.paths.join(" "));
            }
            Ok(())
        }
        "ls" => tree(&repository, word(2)?)?.walk(Path::new(""), &mut |entry| {
            println!("{}", entry.path.display());
            Ok(())
        }),
        "cat" => {
            let mut file = tree(&repository, word(2)?)?.open(Path::new(word(3)?))?;
            std::io::copy(&mut file, &mut std::io::stdout())
                .map_err(|error| Problem::io("cannot write", error))?;
            std::io::stdout()
                .flush()
                .map_err(|error| Problem::io("cannot write", error))
        }
        other => Err(Problem::invalid(format!("unknown command {other}"))),
    }
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn options() -> Options {
    let default = Options::default();
    let clock: Arc<dyn Clock> = match std::env::var_os("CAIRN_ENGINE_AHEAD") {
        Some(file) => Arc::new(Ahead(file.into())),
        None => Arc::new(SystemClock),
    };
    Options {
        cost: repository::format::key_file::Cost::GENERATED,
        pack_size: setting("CAIRN_ENGINE_PACK_SIZE").unwrap_or(default.pack_size),
        clock,
        cache: std::env::var_os("CAIRN_CACHE").map(PathBuf::from),
        ..default
    }
}

/// A clock that a test moves while the process runs.
struct Ahead(PathBuf);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        let ahead = std::fs::read_to_string(&self.0).unwrap_or_default();
        SystemClock.now_ms() + ahead.trim().parse::<i64>().unwrap_or(0)
    }
}

fn disk(root: &str) -> storage::Disk {
    match setting("CAIRN_ENGINE_DIES_AT_CALL") {
        Some(left) => storage::Disk::watched(root, Box::new(Dies { left })),
        None => storage::Disk::new(root),
    }
}

/// Ends the process before one of its calls.
struct Dies {
    left: usize,
}

impl storage::Witness for Dies {
    fn before(&mut self, _: storage::Change<'_>) -> std::io::Result<()> {
        if self.left == 0 {
            // A process may always send signals to itself.
            let _ = kill_process(getpid(), Signal::KILL);
        }
        self.left = self.left.saturating_sub(1);
        Ok(())
    }

    fn after(&mut self, _: storage::Change<'_>) {}
}

/// The process stops or dies where a test wants it to.
fn interrupted(storage: Arc<dyn storage::Storage>) -> Result<Arc<dyn storage::Storage>> {
    let Ok(wanted) = std::env::var("CAIRN_ENGINE_SIGNAL") else {
        return Ok(storage);
    };
    let unknown = || Problem::invalid(format!("CAIRN_ENGINE_SIGNAL={wanted} is not understood"));
    let (signal, at) = wanted.split_once('@').ok_or_else(unknown)?;
    let at: usize = at.parse().map_err(|_| unknown())?;
    let signal = match signal {
        "stop" => Signal::STOP,
        "kill" => Signal::KILL,
        _ => return Err(unknown()),
    };
    let changes = AtomicUsize::new(0);
    let hooked = storage::Faulty::new(storage, storage::Fault::Never).before(move |_| {
        if changes.fetch_add(1, Ordering::SeqCst) == at {
            // A process may always send signals to itself.
            let _ = kill_process(getpid(), signal);
        }
    });
    Ok(Arc::new(hooked))
}

fn tree(repository: &Repository, prefix: &str) -> Result<Tree> {
    let latest = || {
        repository
            .readable_snapshots()?
            .readable
            .pop()
            .ok_or_else(|| Problem::not_found("there is no snapshot"))
    };
    let snapshot = if prefix == "latest" {
        latest()?
    } else {
        repository.find_snapshot(prefix)?
    };
    repository.tree(&snapshot)
}

fn backup(repository: &Repository, root: &Path) -> Result<()> {
    let path = std::path::absolute(root).map_err(|error| Problem::io("cannot resolve the path", error))?;
    let paths = vec![path.display().to_string()];
    let parent = repository
        .readable_snapshots()?
        .readable
        .into_iter()
        .rfind(|snapshot| snapshot.paths == paths);
    let start = SystemClock.now_ms();
    let mut writer = repository.writer(parent.as_ref(), &Progress::new(), &Cancel::new())?;
    let walked = walk(root, &WalkOptions::default(), &mut |path, meta, content| {
        writer.entry(path, meta, content)
    })?;
    writer.settle()?;
    for unread in writer.unread() {
        eprintln!("{}: {}", unread.path.display(), unread.why);
    }
    let meta = SnapshotMeta {
        time_ms: start,
        hostname: "bench".to_owned(),
        paths,
        ..SnapshotMeta::default()
    };
    let snapshot = writer.finish(&meta)?;
    let summary = snapshot.summary.unwrap_or_default();
    println!(
        "{} {} files, {} bytes added, {} stored",
        snapshot.id, walked.files, summary.data_added, summary.data_added_packed
    );
    Ok(())
}

/// Reads every byte.
fn check(repository: &Repository) -> Result<()> {
    let report = repository.check(Level::Data, &Progress::new(), &Cancel::new())?;
    for finding in &report.findings {
        println!("{}", finding.text);
    }
    if report.is_clean() {
        Ok(())
    } else {
        Err(Problem::damaged("errors were found"))
    }
}

fn restore(repository: &Repository, prefix: &str, target: &Path) -> Result<()> {
    let tree = tree(repository, prefix)?;
    let notes = tree.restore_folder(&PathBuf::new(), target, &Progress::new(), &Cancel::new())?;
    for note in notes {
        eprintln!("{note}");
    }
    Ok(())
}
