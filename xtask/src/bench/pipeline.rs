//! The pipeline against the sum of its primitives on the same data.
//!
//! The example `primitives` does, on one thread and with everything in memory, what the format and the verifying ask for: it says
//! how many seconds of CPU time that takes. A first backup of the same data takes more; how much more is what the pipeline costs.

use std::path::Path;
use std::process::Command;

use super::data;
use super::measure::Sample;
use super::options::Options;
use super::programs::Program;
use super::rows::{ROWS, Row};
use super::table::{Verdict, median, time};
use crate::run::{self, Outcome};

pub(crate) const NAME: &str = "pipeline";
/// Share of the pipeline's time that its primitives should make up.
const GOAL: f64 = 0.8;

pub(crate) struct Pipeline {
    primitives: f64,
    /// Lines of the example: each primitive with its seconds.
    parts: String,
    user: f64,
    system: f64,
}

/// Both, in turn, as often as every row.
pub(crate) fn run(root: &Path, program: &Program, options: &Options) -> Outcome<Pipeline> {
    let example = super::build(root, "primitives")?;
    let row: &Row = &ROWS[0];
    let folder = data::prepare(row.data, &options.data, options.scale)?;
    let (mut best, mut parts) = (f64::INFINITY, String::new());
    let mut samples: Vec<Sample> = Vec::new();
    for round in 0..options.repeat {
        eprintln!("bench: {NAME}, round {} of {}", round + 1, options.repeat);
        super::prepare(row, program, &options.data, &folder)?;
        samples.push(super::once(row, program, &options.data, &folder)?);
        let told = run::read(Command::new(&example).arg(&folder))?;
        let sum = sum(&told)?;
        if sum < best {
            (best, parts) = (sum, told);
        }
    }
    super::remove(&super::Place::new(&options.data, program, &folder).repository)?;
    Ok(Pipeline {
        primitives: best,
        parts,
        user: median(&samples, |sample| sample.user),
        system: median(&samples, |sample| sample.system),
    })
}

/// The last line is `sum` and the seconds.
fn sum(told: &str) -> Outcome<f64> {
    let last = told.lines().last().and_then(|line| line.strip_prefix("sum"));
    last.and_then(|seconds| seconds.trim().parse().ok())
        .ok_or_else(|| format!("the example `primitives` told no sum:\n{told}"))
}

impl Pipeline {
    pub(crate) fn verdict(&self) -> Verdict {
        let share = self.primitives / self.user;
        Verdict::new(
            "≥ 80 % of the pipeline's time are its primitives'",
            Some((format!("{:.0} %", share * 100.0), share >= GOAL)),
        )
    }

    pub(crate) fn section(&self) -> String {
        let parts = self.parts.lines().map(|line| format!("    {line}\n"));
        format!(
            "### {NAME}\n\nThe first backup of `{}` against its primitives on the same data, in seconds of CPU time: {} of the \
             program's own and {} of the kernel's, against {} (one thread, in memory, nothing read or written).\n\n{}\n- {}\n- With \
             the kernel's time, reading and writing included: {:.0} %\n",
            ROWS[0].name,
            time(self.user),
            time(self.system),
            time(self.primitives),
            parts.collect::<String>(),
            self.verdict().text,
            self.primitives / (self.user + self.system) * 100.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_last_line() {
        assert_eq!(sum("cut 0.1\nsum 0.25\n"), Ok(0.25));
        assert!(sum("").is_err() && sum("sum x").is_err());
    }
}
