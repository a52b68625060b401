//! How the command line speaks: data to stdout, talk to stderr.
//!
//! Rules: with `--json` the last line of stdout is one JSON value and problems are JSON on stderr; colour only on a
//! terminal and never with `NO_COLOR`, and never as the only sign; a closed pipe ends the program quietly.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use model::{Kind, Problem, Result};
use serde_json::{Value, json};

use crate::cli::arguments::Global;
use crate::cli::signals::Asking;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    colour: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Output {
            json: global.json,
            quiet: global.quiet,
            colour: io::stderr().is_terminal() && !no_colour,
        }
    }

    /// Does a person watch?
    pub(crate) fn is_interactive(self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// The answer of a command: JSON when asked for, else what `text` says.
    pub(crate) fn answer(self, value: &Value, text: impl FnOnce() -> String) -> Result<()> {
        if self.json {
            return write_line(&value.to_string());
        }
        let text = text();
        if text.is_empty() {
            Ok(())
        } else {
            write_line(text.trim_end_matches('\n'))
        }
    }

    /// Something a person may want to know; not part of the answer.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet && !self.json {
            // Nobody may be listening any more: no reason to end.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    pub(crate) fn warn(self, text: &str) {
        if !self.json {
            eprintln!("{} {text}", self.paint("33", "warning:"));
        }
    }

    pub(crate) fn problem(self, problem: &Problem) {
        if self.json {
            let error = json!({"kind": problem.kind().word(), "message": problem.message(), "hint": problem.hint_text()});
            eprintln!("{}", json!({ "error": error }));
            return;
        }
        eprintln!("{} {}", self.paint("31", "error:"), problem.message());
        if let Some(hint) = problem.hint_text() {
            eprintln!("{} {hint}", self.paint("36", "hint:"));
        }
    }

    /// Asks a question; `Err(Refused)` when nobody can be asked.
    pub(crate) fn ask(self, question: &str) -> Result<String> {
        if !io::stdin().is_terminal() || self.json {
            return Err(
                Problem::new(Kind::Refused, "this needs a confirmation").hint("add --yes when you are sure")
            );
        }
        let _asking = Asking::begin()?;
        eprint!("{question} ");
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Problem::io("cannot read the answer", error))?;
        Ok(answer.trim().to_owned())
    }

    /// Asks a question whose answer must be this word; `Err(Refused)` when it is not, or when nobody can be asked.
    pub(crate) fn confirm(self, question: &str, word: &str) -> Result<()> {
        let answer = self.ask(&format!("{question} Type {} to go on:", self.paint("1", word)))?;
        if answer == word {
            Ok(())
        } else {
            Err(Problem::new(Kind::Refused, "not confirmed; nothing was changed"))
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// One line of data.
fn write_line(text: &str) -> Result<()> {
    write_out(text.as_bytes()).and_then(|()| write_out(b"\n"))
}

/// Writes to stdout; a reader that went away (`| head`) is no fault of ours.
pub(crate) fn write_out(bytes: &[u8]) -> Result<()> {
    match io::stdout().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Problem::io("cannot write to stdout", error)),
    }
}

/// Rows as aligned columns; the first row is the heading.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `1536` → `1.5 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Milliseconds since 1970 as a person in this machine's zone reads them.
pub(crate) fn when(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(instant) => instant
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => ms.to_string(),
    }
}

/// `95` → `1 min 35 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0 => format!("{seconds:.2} s"),
        1..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}
