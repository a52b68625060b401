//! `cargo xtask test`: every test that the machine's installed tools allow.
//!
//! A test that misses a tool prints a line that begins with [`MARK`] and passes; this verb collects those lines and ends
//! with the list of what was left out and how to get it. With `--all` missing tools are installed first, and a
//! test that still misses one fails. Everything after `--` goes to the runner of the tests.
//!
//! Invariant: the last line of a run without omissions is the runner's own summary.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::files;
use crate::run::{self, Outcome};
use crate::tools::{self, Purpose};

const MARK: &str = "SKIPPED: ";

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let (own, passed_on) = match arguments.iter().position(|argument| argument == "--") {
        Some(place) => (&arguments[..place], &arguments[place + 1..]),
        None => (arguments, &[][..]),
    };
    let all = match own {
        [] => false,
        [only] if only == "--all" => true,
        _ => return Err("usage: cargo xtask test [--all] [-- arguments of the runner]".to_owned()),
    };
    if all {
        tools::install(|tool| tool.purpose == Purpose::Tests)?;
    }
    if passed_on.is_empty() && has_doc_tests(root)? {
        run::run(cargo(root, all).args(["test", "--quiet", "--workspace", "--doc"]))?;
    }
    let (outcome, left_out) = if tools::find("cargo-nextest").is_some() {
        nextest(root, all, passed_on)
    } else {
        plain(root, all, passed_on)
    };
    tell(&left_out);
    outcome
}

fn cargo(root: &Path, strict: bool) -> Command {
    let mut command = tools::command("cargo");
    command.current_dir(root);
    if strict {
        command.env("CAIRN_TEST_STRICT", "1");
    }
    command
}

/// Rust in a documentation comment, which only `cargo test --doc` runs.
fn has_doc_tests(root: &Path) -> Outcome<bool> {
    let product = |file: &files::File| file.is_rust() && file.path.starts_with("crates/");
    Ok(files::read_all(root)?
        .iter()
        .any(|file| product(file) && has_example(&file.text)))
}

fn has_example(text: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    let comments = lines.filter_map(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")));
    let mut fences = comments.filter_map(|line| line.trim_start().strip_prefix("```"));
    // Every second fence closes a block.
    fences
        .by_ref()
        .step_by(2)
        .any(|language| matches!(language.trim(), "" | "rust" | "should_panic" | "no_run"))
}

/// nextest hides what passing tests print; its report (see `.config/nextest.toml`) holds it.
fn nextest(root: &Path, strict: bool, passed_on: &[String]) -> (Outcome, Vec<String>) {
    let report = root.join("target/nextest/default/junit.xml");
    if let Err(error) = std::fs::remove_file(&report)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return (
            Err(format!("cannot remove {}: {error}", report.display())),
            Vec::new(),
        );
    }
    let mut command = cargo(root, strict);
    command
        .args(["nextest", "run", "--no-fail-fast"])
        .args(extent(passed_on))
        .args(passed_on);
    let outcome = run::run(&mut command);
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    (outcome, omissions(text.lines()))
}

/// Everything, unless packages are named.
fn extent(passed_on: &[String]) -> &'static [&'static str] {
    let names = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    if passed_on.iter().any(names) {
        &[]
    } else {
        &["--workspace"]
    }
}

fn plain(root: &Path, strict: bool, passed_on: &[String]) -> (Outcome, Vec<String>) {
    let mut command = cargo(root, strict);
    command
        .args(["test", "--lib", "--bins", "--tests", "--no-fail-fast"])
        .args(extent(passed_on))
        .args(passed_on);
    command.args(["--", "--show-output"]);
    let mut lines = Vec::new();
    let outcome = echo(&mut command, &mut lines);
    (outcome, omissions(lines.iter().map(String::as_str)))
}

/// Runs with every line of output both shown and kept.
fn echo(command: &mut Command, lines: &mut Vec<String>) -> Outcome {
    let typed = run::line(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start `{typed}`: {error}"))?;
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|output| BufReader::new(output).lines())
    {
        let line = line.map_err(|error| format!("cannot read what `{typed}` prints: {error}"))?;
        println!("{line}");
        lines.push(line);
    }
    let status = child
        .wait()
        .map_err(|error| format!("cannot wait for `{typed}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{typed}` failed ({status})"))
    }
}

/// The different omissions in the order of their first appearance.
fn omissions<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in lines {
        let Some(place) = line.find(MARK) else { continue };
        let text = plain_text(&line[place + MARK.len()..]);
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

/// Text of an XML report without its escapes.
fn plain_text(text: &str) -> String {
    let text = text.split("</").next().unwrap_or(text).trim();
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (escaped, plain)| {
        text.replace(escaped, plain)
    })
}

fn tell(left_out: &[String]) {
    if left_out.is_empty() {
        return;
    }
    println!("\nLeft out, because something is missing on this machine:");
    for omission in left_out {
        println!("- {omission}");
    }
    println!("`cargo xtask test --all` installs what it may and runs these too.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rust_in_documentation_counts_as_a_test() {
        assert!(has_example("//! Head.\n//! ```\n//! assert!(true)\n//! ```"));
        assert!(!has_example("/// ```text\n/// a → b\n/// ```\nfn a() {}"));
        assert!(has_example("/// ```text\n/// ```\n/// ```rust\n/// ```"));
    }

    #[test]
    fn omissions_are_told_once_and_in_plain_text() {
        let report = "<system-out>\nSKIPPED: restic is not installed; apt-get install &quot;restic&quot;\nok\n\
                      SKIPPED: restic is not installed; apt-get install &quot;restic&quot;</system-out>\n\
                      <system-err>SKIPPED: no server</system-err>";
        let told = omissions(report.lines());
        assert_eq!(
            told,
            ["restic is not installed; apt-get install \"restic\"", "no server"]
        );
    }
}
