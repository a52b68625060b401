//! What the shell and the reader of manuals need: completions, manual pages, the reference of all commands.
//!
//! All three are made from the definition in `arguments`, so they cannot disagree with `--help`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::Command;
use model::{Description, Problem, Result};
use service::Kinds;

use super::arguments::{Completions, Man, command};
use crate::cli::output::write_out;

pub(crate) fn completions(kinds: &Kinds, arguments: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(kinds), "cairn", &mut script);
    write_out(&script)
}

pub(crate) fn man(kinds: &Kinds, arguments: &Man) -> Result<()> {
    match &arguments.output {
        Some(dir) => write_pages(kinds, dir),
        None => write_out(&page(command(kinds))?),
    }
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| Problem::io("cannot render the manual page", error))?;
    Ok(text)
}

fn write_pages(kinds: &Kinds, dir: &Path) -> Result<()> {
    let problem = |error| Problem::io(format!("cannot write manual pages into {}", dir.display()), error);
    fs::create_dir_all(dir).map_err(problem)?;
    let mut root = command(kinds);
    root.build();
    let mut open = vec![(String::from("cairn"), root)];
    while let Some((name, command)) = open.pop() {
        let below = command
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
        open.extend(below.map(|sub| (format!("{name}-{}", sub.get_name()), sub.clone())));
        let text = page(command.display_name(name.clone()))?;
        fs::write(dir.join(format!("{name}.1")), text).map_err(problem)?;
    }
    Ok(())
}

/// The whole tree of commands as one Markdown page, for `docs/cli.md`; or the description of the HTTP API, for `docs/openapi.json`.
pub(crate) fn reference(kinds: &Kinds, api: bool) -> Result<()> {
    if api {
        let text = serde_json::to_string_pretty(&crate::api::description())
            .map_err(|error| Problem::internal(format!("the description cannot be written: {error}")))?;
        return write_out(format!("{text}\n").as_bytes());
    }
    let mut root = command(kinds).term_width(100);
    root.build();
    let mut text =
        String::from("# The command line\n\nMade by `cargo xtask docs` from the program itself.\n");
    describe(&mut root, "cairn", &mut text);
    for kind in kinds.descriptions() {
        describe_kind(kind, &mut text);
    }
    write_out(text.as_bytes())
}

/// The settings of a kind as a table, by their names in JSON.
fn describe_kind(kind: &Description, text: &mut String) {
    let _ = write!(
        text,
        "\n## Settings of the kind `{}`\n\n{}.\n\n| setting | needed | secret | what it is |\n|---|---|---|---|\n",
        kind.kind,
        kind.about.trim_end_matches('.')
    );
    let yes = |is: bool| if is { "yes" } else { "" };
    for field in kind.fields {
        let (needed, secret) = (yes(field.required), yes(field.secret));
        let _ = writeln!(
            text,
            "| `{}` | {needed} | {secret} | {} |",
            field.name, field.about
        );
    }
}

fn describe(command: &mut Command, path: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        text,
        "\n## `{path}`\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    );
    for sub in command
        .get_subcommands_mut()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    {
        let path = format!("{path} {}", sub.get_name());
        describe(sub, &path, text);
    }
}
