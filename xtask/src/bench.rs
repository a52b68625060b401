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

fn run_row(row: &'static Row, programs: &[Program], options: &Options) -> Outcome<Figures> {
    let data = data::prepare(row.data, &options.data, options.scale)?;
    let able: Vec<&Program> = programs.iter().filter(|program| row.can(program)).collect();
    let mut samples: Vec<Vec<Sample>> = able.iter().map(|_| Vec::new()).collect();
    for round in 0..options.repeat {
        for (program, samples) in able.iter().zip(&mut samples) {
            eprintln!(
                "bench: {}, {}, round {} of {}",
                row.name,
                program.name,
                round + 1,
                options.repeat
            );
            if round == 0 || row.afresh {
                prepare(row, program, &options.data, &data)?;
            }
            if !row.changes {
                samples.push(once(row, program, &options.data, &data)?);
            }
        }
        if row.changes {
            data::change_pages(&data, round, options.scale)?;
            for (program, samples) in able.iter().zip(&mut samples) {
                samples.push(once(row, program, &options.data, &data)?);
            }
        }
    }
    for program in &able {
        let place = Place::new(&options.data, program, &data);
        remove(&place.repository)?;
        remove(&place.cache)?;
    }
    if row.changes {
        Set::forget(&data)?;
    }
    let names = able.iter().map(|program| program.name);
    Ok(Figures {
        row,
        programs: names.zip(samples).collect(),
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
