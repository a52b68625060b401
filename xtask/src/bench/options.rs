//! What the person at the terminal asked the bench for.

use std::path::{Path, PathBuf};

use crate::run::Outcome;

const USAGE: &str = "usage: cargo xtask bench [engine|cairn|spine|door] [--data DIR] [--scale 0.05] [--repeat 3] [--row NAME]… \
                     [--with PROGRAM]…";

pub(crate) struct Options {
    pub(crate) ours: &'static str,
    pub(crate) data: PathBuf,
    pub(crate) scale: f64,
    pub(crate) repeat: u64,
    /// Names of rows, or beginnings of them; empty means all.
    pub(crate) rows: Vec<String>,
    /// Names of peers; empty means all that are installed.
    pub(crate) with: Vec<String>,
    /// As it was typed, for the page of results.
    pub(crate) typed: String,
}

impl Options {
    pub(crate) fn read(root: &Path, arguments: &[String]) -> Outcome<Self> {
        let mut options = Options {
            ours: "cairn",
            data: root.join("target/bench-data"),
            scale: 1.0,
            repeat: 3,
            rows: Vec::new(),
            with: Vec::new(),
            typed: format!("cargo xtask bench {}", arguments.join(" "))
                .trim_end()
                .to_owned(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .cloned()
                    .ok_or_else(|| format!("{word} needs a value.\n{USAGE}"))
            };
            match word.as_str() {
                "engine" => options.ours = "engine",
                "cairn" => options.ours = "cairn",
                "spine" => options.ours = "spine",
                "door" => options.ours = "door",
                "--data" => options.data = root.join(value()?),
                "--scale" => options.scale = number(&value()?)?,
                "--repeat" => options.repeat = number(&value()?)?,
                "--row" => options.rows.push(value()?),
                "--with" => options.with.push(value()?),
                _ => return Err(format!("{word:?} is not understood.\n{USAGE}")),
            }
        }
        if options.repeat == 0 || options.scale <= 0.0 || options.scale > 1.0 {
            return Err("--repeat is at least 1, and --scale lies above 0 and at most at 1".to_owned());
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| row.starts_with(wanted.as_str()))
    }

    /// Figures of a trial are not kept.
    pub(crate) fn is_trial(&self) -> bool {
        self.scale < 1.0 || !self.rows.is_empty() || !self.with.is_empty() || self.repeat < 3
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Outcome<T> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number that fits there.\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Outcome<Options> {
        Options::read(
            Path::new("root"),
            &line.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_full_run_is_no_trial_and_a_scaled_one_is() {
        let full = read("engine").unwrap_or_else(|sentence| panic!("{sentence}"));
        assert!(!full.is_trial() && full.wants("first-game") && full.ours == "engine");
        assert!(read("--scale 0.05").is_ok_and(|options| options.is_trial()));
        assert!(
            read("--row first").is_ok_and(|options| options.wants("first-sql") && !options.wants("check"))
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_usage() {
        for line in ["--scale", "--scale 2", "--repeat 0", "--fast", "--repeat x"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
