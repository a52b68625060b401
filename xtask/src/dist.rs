//! `cargo xtask dist`: the archive that people download.
//!
//! `target/dist/cairn-<version>-<target>.tar.gz` holds the stripped release binary, shell completions, manual pages, the
//! licence and the front page; beside it lies its SHA-256 in the form that `sha256sum --check` reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Outcome};

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
const PAGES: [&str; 3] = ["LICENSE", "README.md", "CHANGELOG.md"];

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask dist".to_owned());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set));
    let binary = build(root, &target)?;
    let name = format!("cairn-{}-{}", version(&binary)?, host()?);
    let dist = target.join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(told("cannot empty", &folder))?;
    }
    fill(root, &binary, &folder)?;
    let archive = pack(&dist, &name)?;
    println!("{}", archive.display());
    Ok(())
}

fn build(root: &Path, target: &Path) -> Outcome<PathBuf> {
    let arguments = ["build", "--release", "--locked", "--package", "cairn"];
    run::run(
        Command::new("cargo")
            .current_dir(root)
            .args(arguments)
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
    )?;
    Ok(target.join("release/cairn"))
}

/// The last word of `cairn --version`.
fn version(binary: &Path) -> Outcome<String> {
    let text = run::read(Command::new(binary).arg("--version"))?;
    text.split_whitespace()
        .last()
        .map(str::to_owned)
        .ok_or_else(|| "`cairn --version` said nothing".to_owned())
}

fn host() -> Outcome<String> {
    let text = run::read(Command::new("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

fn fill(root: &Path, binary: &Path, folder: &Path) -> Outcome {
    let completions = folder.join("completions");
    std::fs::create_dir_all(&completions).map_err(told("cannot make", &completions))?;
    let copy = |from: &Path, to: &Path| {
        std::fs::copy(from, to)
            .map(drop)
            .map_err(told("cannot copy", from))
    };
    copy(binary, &folder.join("cairn"))?;
    for page in PAGES {
        copy(&root.join(page), &folder.join(page))?;
    }
    for shell in SHELLS {
        let script = run::read(Command::new(binary).args(["completions", shell]))?;
        let path = completions.join(format!("cairn.{shell}"));
        std::fs::write(&path, script).map_err(told("cannot write", &path))?;
    }
    run::run(
        Command::new(binary)
            .args(["man", "--output"])
            .arg(folder.join("man")),
    )
}

/// The same content gives the same archive: names are sorted, times and owners are fixed.
fn pack(dist: &Path, name: &str) -> Outcome<PathBuf> {
    let archive = dist.join(format!("{name}.tar.gz"));
    let fixed = [
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ];
    let mut tar = Command::new("tar");
    run::run(
        tar.args(fixed)
            .args(["-I", "gzip -9n", "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(dist)
            .arg(name),
    )?;
    let sum = run::read(
        Command::new("sha256sum")
            .current_dir(dist)
            .arg(format!("{name}.tar.gz")),
    )?;
    let beside = dist.join(format!("{name}.tar.gz.sha256"));
    std::fs::write(&beside, sum).map_err(told("cannot write", &beside))?;
    Ok(archive)
}

fn told(what: &str, path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what} {}: {error}", path.display())
}
