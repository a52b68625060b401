//! `cargo xtask docs`: pages that are made from the program itself.
//!
//! `docs/cli.md` is the reference of all commands as `cairn reference` prints it, `docs/openapi.json` the description of the
//! HTTP API. They are committed, so that a change is seen in review; `--check` fails when page and program differ.

use std::path::Path;
use std::process::Command;

use crate::run::{self, Outcome};

/// Each page, and what prints it.
const PAGES: [(&str, &[&str]); 2] = [
    ("docs/cli.md", &["reference"]),
    ("docs/openapi.json", &["reference", "--api"]),
];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        _ => return Err("usage: cargo xtask docs [--check]".to_owned()),
    };
    for (page, words) in PAGES {
        let cargo = ["run", "--quiet", "--package", "cairn", "--"];
        let made = run::read(Command::new("cargo").current_dir(root).args(cargo).args(words))?;
        if made.trim().is_empty() {
            return Err(format!(
                "`cairn {}` printed nothing; it prints {page}",
                words.join(" ")
            ));
        }
        let path = root.join(page);
        if check {
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            compare(page, &kept, &made)?;
        } else {
            std::fs::write(&path, made).map_err(|error| format!("cannot write {page}: {error}"))?;
            println!("{page} is written");
        }
    }
    Ok(())
}

fn compare(page: &str, kept: &str, made: &str) -> Outcome {
    if kept == made {
        println!("{page} says what the program says");
        return Ok(());
    }
    let same = kept
        .lines()
        .zip(made.lines())
        .take_while(|(kept, made)| kept == made)
        .count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
    Err(format!(
        "{page} differs from the program at line {}:\n  page:    {}\n  program: {}\n\
         Run `cargo xtask docs`, look at the difference, and commit it with the change that caused it.",
        same + 1,
        line(kept),
        line(made)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_page_is_told_with_its_first_wrong_line() {
        assert!(compare("page", "a\nb\n", "a\nb\n").is_ok());
        let sentence = compare("page", "a\nb\n", "a\nc\n").unwrap_err();
        assert!(
            sentence.contains("line 2") && sentence.contains("cargo xtask docs"),
            "{sentence}"
        );
        assert!(compare("page", "", "a\n").unwrap_err().contains("(the end)"));
    }
}
