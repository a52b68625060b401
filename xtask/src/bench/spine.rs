//! The catalog where it is full: what the example `spine_speed` of `service` says, as a table.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::options::Options;
use super::table::{Verdict, heading, missed};
use crate::run::{self, Outcome};

#[derive(Deserialize)]
struct Report {
    figures: Vec<Figure>,
}

/// One thing that was measured.
#[derive(Deserialize)]
struct Figure {
    what: String,
    ms: f64,
    goal_ms: Option<f64>,
}

impl Figure {
    fn verdict(&self) -> Option<Verdict> {
        let goal = self.goal_ms?;
        let seen = format!("{:.2} ms", self.ms);
        Some(Verdict::new(
            &format!("≤ {goal} ms"),
            Some((seen, self.ms <= goal)),
        ))
    }
}

pub(crate) fn run(root: &Path, options: &Options) -> Outcome<String> {
    let example = super::build(root, "spine")?;
    eprintln!("bench: filling a catalog; that takes some minutes");
    let told = run::read(&mut Command::new(example))?;
    let section = format!("{}\n{}", heading("The catalog, full", options)?, of(&told)?);
    println!("{section}");
    Ok(section)
}

fn of(told: &str) -> Outcome<String> {
    let report: Report =
        serde_json::from_str(told).map_err(|error| format!("`spine_speed` told no figures: {error}"))?;
    let mut text = String::from(
        "100,000 backups and as many finished jobs of 10,000 sources, in SQLite. A page has 50 items; goals are those of the door.\n\n",
    );
    let verdicts = report.figures.iter();
    text.push_str(&missed(verdicts.filter_map(|figure| {
        figure.verdict().map(|verdict| (figure.what.as_str(), verdict))
    })));
    text.push_str("\n| what | ms | goal |\n|---|---|---|\n");
    for figure in &report.figures {
        let goal = figure
            .goal_ms
            .map_or_else(|| "–".to_owned(), |goal| format!("≤ {goal}"));
        let _ = writeln!(text, "| {} | {:.2} | {goal} |", figure.what, figure.ms);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_table_with_their_goals() {
        let told = r#"{"figures":[{"what":"a page","ms":25.0,"goal_ms":20.0},{"what":"a tick","ms":0.5,"goal_ms":null}]}"#;
        let text = of(told).unwrap_or_else(|sentence| panic!("{sentence}"));
        assert!(
            text.contains("- a page: Goal ≤ 20 ms: **missed**, 25.00 ms"),
            "{text}"
        );
        assert!(text.contains("| a tick | 0.50 | – |"), "{text}");
        assert!(of("nothing").is_err());
    }
}
