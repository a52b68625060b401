//! `cargo xtask bench`: whole programs against each other, on generated data.
//!
//! A [`Row`](rows::Row) is one piece of work, done by every [`Program`](programs::Program) that can do it. Runs alternate
//! (A B A B …), so that a machine that slows down hits all alike, with data in the page cache and no dirty pages left
//! by the run before. Told are medians, and how many times faster the first program is than each other one.
//!
//! A full run writes `bench/RESULTS.md`; a trial (`--scale`, `--row`, `--with`) only prints.

mod data;
mod measure;
mod options;
mod programs;
mod random;
mod rows;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Outcome};
use data::Set;
use measure::Sample;
use options::Options;
use programs::{Place, Program};
use rows::Row;
use table::Figures;

pub(crate) use measure::run as measure;

const RESULTS: &str = "bench/RESULTS.md";

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let options = Options::read(root, arguments)?;
    let ours = build(root, options.ours)?;
    let programs = programs::present(options.ours, &ours, &options.with);
    let rows: Vec<&Row> = rows::ROWS.iter().filter(|row| options.wants(row.name)).collect();
    if rows.is_empty() {
        return Err(format!("no row has such a name; there are: {}", rows::names()));
    }
    if options.scale < 1.0 {
        eprintln!(
            "bench: a trial; sizes and counts are multiplied by {}",
            options.scale
        );
    }
    let mut results = Vec::new();
    for row in rows {
        let result = run_row(row, &programs, &options)?;
        println!("{}", table::of_row(&result));
        results.push(result);
    }
    if options.is_trial() {
        return Ok(());
    }
    let page = table::page(&results, &programs, &options)?;
    std::fs::write(root.join(RESULTS), page).map_err(|error| format!("cannot write {RESULTS}: {error}"))?;
    println!("{RESULTS} is written");
    Ok(())
}

/// Builds what is measured: the engine alone, or the whole program.
fn build(root: &Path, ours: &str) -> Outcome<PathBuf> {
    let (package, kind, file) = match ours {
        "engine" => ("repository", ["--example", "engine"], "examples/engine"),
        _ => ("cairn", ["--bin", "cairn"], "cairn"),
    };
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--profile",
            "bench-fast",
            "--package",
            package,
        ])
        .args(kind);
    run::run(&mut cargo)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set));
    Ok(target.join("bench-fast").join(file))
}

/// One program at one row; a step that failed ends its part, not that of the others.
struct Turn<'a> {
    program: &'a Program,
    samples: Vec<Sample>,
    failure: Option<String>,
}

impl Turn<'_> {
    fn carry_on(&mut self, step: impl FnOnce(&Program) -> Outcome<Option<Sample>>) {
        if self.failure.is_some() {
            return;
        }
        match step(self.program) {
            Ok(sample) => self.samples.extend(sample),
            Err(sentence) => {
                eprintln!("bench: {sentence}");
                self.failure = Some(sentence);
            }
        }
    }
}

fn run_row(row: &'static Row, programs: &[Program], options: &Options) -> Outcome<Figures> {
    let data = data::prepare(row.data, &options.data, options.scale)?;
    let able = programs.iter().filter(|program| row.can(program));
    let mut turns: Vec<Turn<'_>> = able
        .map(|program| Turn {
            program,
            samples: Vec::new(),
            failure: None,
        })
        .collect();
    for round in 0..options.repeat {
        eprintln!("bench: {}, round {} of {}", row.name, round + 1, options.repeat);
        if row.changes && round == 0 {
            for turn in &mut turns {
                turn.carry_on(|program| prepare(row, program, &options.data, &data).map(|()| None));
            }
        }
        if row.changes {
            data::change_pages(&data, round, options.scale)?;
        }
        for turn in &mut turns {
            if !row.changes && (round == 0 || row.afresh) {
                turn.carry_on(|program| prepare(row, program, &options.data, &data).map(|()| None));
            }
            turn.carry_on(|program| once(row, program, &options.data, &data).map(Some));
        }
    }
    if row.changes {
        Set::forget(&data)?;
    }
    for turn in &turns {
        let place = Place::new(&options.data, turn.program, &data);
        remove(&place.repository)?;
        remove(&place.cache)?;
    }
    let entry = |turn: Turn<'_>| (turn.program.name, turn.failure.map_or(Ok(turn.samples), Err));
    Ok(Figures {
        row,
        programs: turns.into_iter().map(entry).collect(),
    })
}

/// A repository as the row needs it: empty, or with the first backup in it.
fn prepare(row: &Row, program: &Program, folder: &Path, data: &Path) -> Outcome {
    let place = Place::new(folder, program, data);
    for left_behind in [&place.repository, &place.cache, &place.target] {
        remove(left_behind)?;
    }
    measure::sample(&place, program.script(programs::Step::Init, &place))?;
    if row.step != programs::Step::Backup || !row.afresh {
        measure::sample(&place, program.script(programs::Step::Backup, &place))?;
    }
    Ok(())
}

fn once(row: &Row, program: &Program, folder: &Path, data: &Path) -> Outcome<Sample> {
    let place = Place::new(folder, program, data);
    remove(&place.target)?;
    run::run(&mut Command::new("sync"))?;
    data::warm(data)?;
    let before = data::size(&place.stored)?;
    let mut sample = measure::sample(&place, program.script(row.step, &place))?;
    sample.added = data::size(&place.stored)?.saturating_sub(before);
    remove(&place.target)?;
    Ok(sample)
}

fn remove(path: &Path) -> Outcome {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
