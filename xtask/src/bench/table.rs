//! Medians and ratios as Markdown.

use std::fmt::Write as _;
use std::process::Command;

use super::measure::Sample;
use super::options::Options;
use super::pipeline::Pipeline;
use super::programs::Program;
use super::rows::{Goal, PEAK_MIB, Row};
use crate::run::{self, Outcome};

/// What every program needed for one row, or why it could not do it; ours comes first.
pub(crate) struct Figures {
    pub(crate) row: &'static Row,
    pub(crate) programs: Vec<(&'static str, Outcome<Vec<Sample>>)>,
}

pub(crate) fn of_row(figures: &Figures) -> String {
    let row = figures.row;
    let mut text = format!("### {}\n\n{}.\n\n", row.name, sentence(row.what));
    text.push_str("| program | seconds | user | system | peak MiB | added MB | ours is faster by |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    let ours = match figures.programs.first() {
        Some((_, Ok(samples))) => median(samples, |sample| sample.seconds),
        _ => f64::NAN,
    };
    for (place, (name, outcome)) in figures.programs.iter().enumerate() {
        let others = (place > 0).then_some(ours);
        let told = outcome
            .as_ref()
            .map_or_else(|_| failed(name), |samples| line(name, samples, others));
        text.push_str(&told);
    }
    text.push('\n');
    for verdict in verdicts(figures) {
        let _ = writeln!(text, "- {}", verdict.text);
    }
    text
}

/// What became of one goal.
pub(crate) struct Verdict {
    pub(crate) text: String,
    pub(crate) is_missed: bool,
}

impl Verdict {
    /// `seen` is told with `reached`; nothing seen is nothing measured.
    pub(crate) fn new(goal: &str, seen: Option<(String, bool)>) -> Self {
        let (text, is_missed) = match seen {
            None => (format!("Goal {goal}: not measured"), false),
            Some((seen, true)) => (format!("Goal {goal}: reached, {seen}"), false),
            Some((seen, false)) => (format!("Goal {goal}: **missed**, {seen}"), true),
        };
        Verdict { text, is_missed }
    }
}

fn verdicts(figures: &Figures) -> Vec<Verdict> {
    let samples = |name: Option<&str>| {
        let mut programs = figures.programs.iter();
        let found = match name {
            None => programs.next(),
            Some(name) => programs.find(|(other, _)| *other == name),
        };
        found
            .and_then(|(_, outcome)| outcome.as_ref().ok())
            .filter(|samples| !samples.is_empty())
    };
    let of =
        |name: Option<&str>, field: fn(&Sample) -> f64| samples(name).map(|samples| median(samples, field));
    let seconds = |name| of(name, |sample| sample.seconds);
    let added = |name| of(name, |sample| sample.added as f64);
    let one = |goal: &Goal| match *goal {
        Goal::Faster(peer, times) => {
            let seen = seconds(Some(peer))
                .zip(seconds(None))
                .map(|(theirs, ours)| theirs / ours);
            Verdict::new(
                &format!("≥ {times}× {peer}"),
                seen.map(|seen| (format!("{seen:.2}×"), seen >= times)),
            )
        }
        Goal::Seconds(limit) => Verdict::new(
            &format!("≤ {limit} s"),
            seconds(None).map(|seen| (format!("{} s", time(seen)), seen <= limit)),
        ),
        Goal::Growth(peer, times) => {
            let seen = added(None)
                .zip(added(Some(peer)))
                .map(|(ours, theirs)| ours / theirs);
            Verdict::new(
                &format!("≤ {times} × the bytes that {peer} adds"),
                seen.map(|seen| (format!("{seen:.3} ×"), seen <= times)),
            )
        }
    };
    let peak = samples(None).map(|samples| {
        let most = samples
            .iter()
            .map(|sample| sample.peak_kib)
            .max()
            .unwrap_or_default() as f64
            / 1024.0;
        (format!("{most:.0} MiB at most"), most <= PEAK_MIB)
    });
    let memory = Verdict::new(&format!("≤ {PEAK_MIB} MiB"), peak);
    figures.row.goals.iter().map(one).chain([memory]).collect()
}

fn failed(name: &str) -> String {
    format!("| {name} | failed | | | | | |\n")
}

/// `ours` is what our program needed, for a line that is not its own.
fn line(name: &str, samples: &[Sample], ours: Option<f64>) -> String {
    let of = |field: fn(&Sample) -> f64| median(samples, field);
    let seconds = of(|sample| sample.seconds);
    let ratio = match ours {
        Some(ours) if ours > 0.0 => format!("{:.2}×", seconds / ours),
        _ => "–".to_owned(),
    };
    format!(
        "| {name} | {} | {} | {} | {:.0} | {:.1} | {ratio} |\n",
        time(seconds),
        time(of(|sample| sample.user)),
        time(of(|sample| sample.system)),
        of(|sample| sample.peak_kib as f64) / 1024.0,
        of(|sample| sample.added as f64) / 1e6,
    )
}

/// Three digits that mean something.
pub(crate) fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{seconds:.3}")
    } else {
        format!("{seconds:.2}")
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(crate) fn median(samples: &[Sample], field: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(field).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// What was run, on what.
pub(crate) fn heading(title: &str, options: &Options) -> Outcome<String> {
    Ok(format!(
        "## {title}\n\n- Command: `{}`\n- Machine: {}\n",
        options.typed,
        machine()?
    ))
}

/// Goals that were missed, each with the name of its row.
pub(crate) fn missed<'a>(verdicts: impl Iterator<Item = (&'a str, Verdict)>) -> String {
    let missed: String = verdicts
        .filter(|(_, verdict)| verdict.is_missed)
        .map(|(row, verdict)| format!("- {row}: {}\n", verdict.text))
        .collect();
    if missed.is_empty() {
        "No goal is missed.\n".to_owned()
    } else {
        format!("Missed:\n\n{missed}")
    }
}

pub(crate) fn section(
    results: &[Figures],
    pipeline: Option<&Pipeline>,
    programs: &[Program],
    options: &Options,
) -> Outcome<String> {
    let title = match options.ours {
        "engine" => "The engine alone",
        _ => "The whole program",
    };
    let mut text = heading(title, options)?;
    for program in programs.iter().filter(|program| !program.version.is_empty()) {
        let version =
            run::read(Command::new("sh").args(["-c", &format!("{} 2>&1 | head -n 1", program.version)]))?;
        let _ = writeln!(text, "- {}: {}", program.name, version.trim());
    }
    let _ = write!(
        text,
        "\nMedians of {} rounds that alternated between the programs, on generated data in the page cache, after `sync`. \"Added\" is \
         what the program's repository grew by, without caches. Every program ran with its own defaults for verifying.\n\n",
        options.repeat
    );
    let rows = results.iter().flat_map(|result| {
        verdicts(result)
            .into_iter()
            .map(|verdict| (result.row.name, verdict))
    });
    text.push_str(&missed(
        rows.chain(pipeline.iter().map(|done| ("pipeline", done.verdict()))),
    ));
    for result in results {
        let _ = write!(text, "\n{}", of_row(result));
    }
    if let Some(done) = pipeline {
        let _ = write!(text, "\n{}", done.section());
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
        let samples = |seconds: [f64; 3]| Ok(seconds.map(sample).to_vec());
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
    fn goals_are_reached_missed_or_not_measured() {
        let samples = |seconds: f64| Ok(vec![sample(seconds)]);
        let figures = Figures {
            row: &super::super::rows::ROWS[0],
            programs: vec![
                ("engine", samples(1.0)),
                ("restic", samples(3.6)),
                ("tar+zstd", samples(1.2)),
            ],
        };
        let text = of_row(&figures);
        for expected in [
            "- Goal ≥ 3.5× restic: reached, 3.60×",
            "- Goal ≥ 3× rustic: not measured",
            "- Goal ≥ 1.3× tar+zstd: **missed**, 1.20×",
            "- Goal ≤ 256 MiB: reached, 0 MiB at most",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(
            verdicts(&figures)
                .iter()
                .filter(|verdict| verdict.is_missed)
                .count(),
            1
        );
    }

    #[test]
    fn a_section_says_first_what_was_run_and_what_was_missed() {
        let options = Options::read(std::path::Path::new("root"), &["engine".to_owned()]);
        let options = options.unwrap_or_else(|sentence| panic!("{sentence}"));
        let figures = Figures {
            row: &super::super::rows::ROWS[0],
            programs: vec![
                ("engine", Ok(vec![sample(1.0)])),
                ("restic", Ok(vec![sample(3.0)])),
            ],
        };
        let text = section(&[figures], None, &[], &options).unwrap_or_else(|sentence| panic!("{sentence}"));
        assert!(text.contains("`cargo xtask bench engine`\n"), "{text}");
        let missed = text.find("- first-game: Goal ≥ 3.5× restic: **missed**, 3.00×");
        assert!(missed < text.find("### first-game") && missed.is_some(), "{text}");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert!((median(&[sample(1.0), sample(2.0)], |sample| sample.seconds) - 1.5).abs() < 1e-9);
    }
}
