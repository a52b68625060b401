//! `cargo xtask bench`: whole programs against each other, on generated data.
//!
//! A [`Row`](rows::Row) is one piece of work, done by every [`Program`](programs::Program) that can do it. Runs alternate
//! (A B A B …), so that a machine that slows down hits all alike, with data in the page cache and no dirty pages left
//! by the run before. Told are medians, how many times faster the first program is than each other one, and what became of
//! each goal. What was restored is emptied and set aside until the end: file systems pass over inodes that were freed
//! a moment ago, and the next run would pay for that.
//!
//! `spine` measures the catalog where it is full, `door` the serving process from outside; they have no peers.
//! A full run writes its section of `bench/RESULTS.md`; a trial (`--scale`, `--row`, `--with`) only prints.

mod data;
mod door;
mod measure;
mod options;
mod pipeline;
mod programs;
mod random;
mod rows;
mod sections;
mod spine;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Outcome};
use data::Set;
use measure::Sample;
use options::Options;
use programs::{Place, Program, Step};
use rows::Row;
use table::Figures;

pub(crate) use measure::run as measure;

/// Where restored folders wait, empty, for the end.
const ASIDE: &str = "aside";

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let options = Options::read(root, arguments)?;
    let section = match options.ours {
        "spine" => spine::run(root, &options)?,
        "door" => door::run(root, &options)?,
        _ => compare(root, &options)?,
    };
    if options.is_trial() {
        return Ok(());
    }
    sections::write(root, options.ours, &section)
}

/// Whole programs against each other; the section, of which each part is printed when it is there.
fn compare(root: &Path, options: &Options) -> Outcome<String> {
    let ours = build(root, options.ours)?;
    let programs = programs::present(options.ours, &ours, &options.with);
    let rows: Vec<&Row> = rows::ROWS.iter().filter(|row| options.wants(row.name)).collect();
    let wants_pipeline = options.ours == "engine" && options.wants(pipeline::NAME);
    if rows.is_empty() && !wants_pipeline {
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
        let result = run_row(row, &programs, options)?;
        println!("{}", table::of_row(&result));
        results.push(result);
    }
    let pipeline = if wants_pipeline {
        let done = pipeline::run(root, &programs[0], options)?;
        println!("{}", done.section());
        Some(done)
    } else {
        None
    };
    remove(&options.data.join(ASIDE))?;
    table::section(&results, pipeline.as_ref(), &programs, options)
}

/// Builds what is measured: the engine alone, its primitives, the catalog, what fills one, or the whole program.
fn build(root: &Path, ours: &str) -> Outcome<PathBuf> {
    let (package, kind, file) = match ours {
        "engine" => ("repository", ["--example", "engine"], "examples/engine"),
        "primitives" => ("repository", ["--example", "primitives"], "examples/primitives"),
        "spine" => ("service", ["--example", "spine_speed"], "examples/spine_speed"),
        "full" => ("service", ["--example", "full_catalog"], "examples/full_catalog"),
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
    for left_behind in [&place.repository, &place.cache] {
        remove(left_behind)?;
    }
    measure::sample(&place, program.script(Step::Init, &place))?;
    if row.step != Step::Backup || !row.afresh {
        measure::sample(&place, program.script(Step::Backup, &place))?;
    }
    Ok(())
}

fn once(row: &Row, program: &Program, folder: &Path, data: &Path) -> Outcome<Sample> {
    let place = Place::new(folder, program, data);
    data::set_aside(&place.target, &folder.join(ASIDE))?;
    run::run(&mut Command::new("sync"))?;
    data::warm(data)?;
    let before = data::size(&place.stored)?;
    let mut script = program.script(row.step, &place);
    let one = place.scratch.join("one");
    if row.step == Step::OneFile {
        script = script.map(|script| format!("{script} > {}", one.display()));
    }
    let mut sample = measure::sample(&place, script)?;
    sample.added = data::size(&place.stored)?.saturating_sub(before);
    match row.step {
        Step::Restore => same_size(data, &place.target)?,
        Step::OneFile => same_bytes(&data.join(data::ONE_FILE), &one)?,
        _ => {}
    }
    data::set_aside(&place.target, &folder.join(ASIDE))?;
    Ok(sample)
}

/// A restore that left something out must not win.
fn same_size(data: &Path, restored: &Path) -> Outcome {
    let (expected, found) = (data::size(data)?, data::size(restored)?);
    if expected == found {
        return Ok(());
    }
    Err(format!("{found} bytes were restored instead of {expected}"))
}

fn same_bytes(expected: &Path, found: &Path) -> Outcome {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    if read(expected)? == read(found)? {
        return Ok(());
    }
    Err(format!("{} came back with other bytes", expected.display()))
}

fn remove(path: &Path) -> Outcome {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
