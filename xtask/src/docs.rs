//! `cargo xtask docs`: pages that are made from the program itself.
//!
//! `docs/cli.md` is the reference of all commands as `cairn reference` prints it. The page is committed, so that a change
//! of the command line is seen in review; `--check` fails when page and program differ.

use std::path::Path;
use std::process::Command;

use crate::run::{self, Outcome};

const PAGE: &str = "docs/cli.md";

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        _ => return Err("usage: cargo xtask docs [--check]".to_owned()),
    };
    let made = run::read(Command::new("cargo").current_dir(root).args([
        "run",
        "--quiet",
        "--package",
        "cairn",
        "--",
        "reference",
    ]))?;
    if made.trim().is_empty() {
        return Err(
            "`cairn reference` printed nothing; it prints the reference of all commands as Markdown"
                .to_owned(),
        );
    }
    let path = root.join(PAGE);
    if check {
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        return compare(&kept, &made);
    }
    std::fs::write(&path, made).map_err(|error| format!("cannot write {PAGE}: {error}"))?;
    println!("{PAGE} is written");
    Ok(())
}

fn compare(kept: &str, made: &str) -> Outcome {
    if kept == made {
        println!("{PAGE} says what the program says");
        return Ok(());
    }
    let same = kept
        .lines()
        .zip(made.lines())
        .take_while(|(kept, made)| kept == made)
        .count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
    Err(format!(
        "{PAGE} differs from the program at line {}:\n  page:    {}\n  program: {}\n\
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
        assert!(compare("a\nb\n", "a\nb\n").is_ok());
        let sentence = compare("a\nb\n", "a\nc\n").unwrap_err();
        assert!(
            sentence.contains("line 2") && sentence.contains("cargo xtask docs"),
            "{sentence}"
        );
        assert!(compare("", "a\n").unwrap_err().contains("(the end)"));
    }
}
