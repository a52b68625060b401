//! Medians and ratios as Markdown.

use std::fmt::Write as _;
use std::process::Command;

use super::measure::Sample;
use super::options::Options;
use super::programs::Program;
use super::rows::Row;
use crate::run::{self, Outcome};

/// What every program needed for one row; ours comes first.
pub(crate) struct Figures {
    pub(crate) row: &'static Row,
    pub(crate) programs: Vec<(&'static str, Vec<Sample>)>,
}

pub(crate) fn of_row(result: &Figures) -> String {
    let mut text = format!(
        "### {}\n\n{}. Goal: {}.\n\n",
        result.row.name,
        sentence(result.row.what),
        result.row.goal
    );
    text.push_str("| program | seconds | user | system | peak MiB | added MB | ours is faster by |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    let ours = result
        .programs
        .first()
        .map_or(0.0, |(_, samples)| median(samples, |sample| sample.seconds));
    for (place, (name, samples)) in result.programs.iter().enumerate() {
        let of = |field: fn(&Sample) -> f64| median(samples, field);
        let seconds = of(|sample| sample.seconds);
        let ratio = if place == 0 {
            "–".to_owned()
        } else {
            format!("{:.2}×", seconds / ours)
        };
        let _ = writeln!(
            text,
            "| {name} | {seconds:.2} | {:.2} | {:.2} | {:.0} | {:.1} | {ratio} |",
            of(|sample| sample.user),
            of(|sample| sample.system),
            of(|sample| sample.peak_kib as f64) / 1024.0,
            of(|sample| sample.added as f64) / 1e6,
        );
    }
    text
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn median(samples: &[Sample], field: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(field).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

pub(crate) fn page(results: &[Figures], programs: &[Program], options: &Options) -> Outcome<String> {
    let mut text = String::from(
        "# Results of the benches\n\nMade by `cargo xtask bench`; not edited by hand. Medians of runs that alternated \
         between the programs, on generated data in the page cache, after `sync`. \"Added\" is what the program's \
         repository grew by, without caches. Every program ran with its own defaults for verifying.\n\n",
    );
    let _ = writeln!(
        text,
        "- Command: `{}` ({} rounds)\n- Machine: {}",
        options.typed,
        options.repeat,
        machine()?
    );
    for program in programs.iter().filter(|program| !program.version.is_empty()) {
        let version =
            run::read(Command::new("sh").args(["-c", &format!("{} 2>&1 | head -n 1", program.version)]))?;
        let _ = writeln!(text, "- {}: {}", program.name, version.trim());
    }
    for result in results {
        let _ = write!(text, "\n{}", of_row(result));
    }
    Ok(text)
}

fn machine() -> Outcome<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_once(':')
            .map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let processor = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory: f64 = field(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    let system = run::read(Command::new("uname").arg("-sr"))?;
    Ok(format!(
        "{processor}, {cores} cores, {:.0} GiB memory, {}",
        memory / 1_048_576.0,
        system.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: f64) -> Sample {
        Sample {
            seconds,
            ..Sample::default()
        }
    }

    #[test]
    fn ratios_compare_medians() {
        let samples = |seconds: [f64; 3]| seconds.map(sample).to_vec();
        let programs = vec![
            ("engine", samples([1.0, 9.0, 2.0])),
            ("restic", samples([6.0, 5.0, 50.0])),
        ];
        let text = of_row(&Figures {
            row: &super::super::rows::ROWS[0],
            programs,
        });
        assert!(
            text.contains("| engine | 2.00 |") && text.contains("| restic | 6.00 |"),
            "{text}"
        );
        assert!(text.contains("| 3.00× |"), "{text}");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert!((median(&[sample(1.0), sample(2.0)], |sample| sample.seconds) - 1.5).abs() < 1e-9);
    }
}
