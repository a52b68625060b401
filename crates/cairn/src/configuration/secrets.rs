//! Secrets from files and commands.
//!
//! A file must be readable by its owner alone; white space at the ends does not count, and nothing is never a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use model::{Kind, Problem, Result};

use super::Environment;

/// A secret's file: readable by its owner alone, white space at the ends does not count.
pub(crate) fn secret_file(path: &Path) -> Result<String> {
    let what = || format!("cannot read the secret in {}", path.display());
    let mode = fs::metadata(path)
        .map_err(|error| Problem::io(what(), error))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(Problem::new(
            Kind::Refused,
            format!(
                "{} can be read by others (mode {:04o})",
                path.display(),
                mode & 0o7777
            ),
        )
        .hint(format!("chmod 600 {}", path.display())));
    }
    let text = fs::read_to_string(path).map_err(|error| Problem::io(what(), error))?;
    non_empty(
        text.trim().trim_start_matches('\u{feff}'),
        &path.display().to_string(),
    )
}

/// The key that seals secrets in the catalog, when it does not lie in the data directory.
pub(crate) fn secret_key(environment: &Environment) -> Result<Option<String>> {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    match (variable("CAIRN_SECRET_KEY"), variable("CAIRN_SECRET_KEY_FILE")) {
        (Some(key), _) => Ok(Some(key.clone())),
        (None, Some(path)) => secret_file(Path::new(path)).map(Some),
        (None, None) => Ok(None),
    }
}

pub(crate) fn secret_command(command: &str) -> Result<String> {
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.map_err(|error| Problem::io("cannot run the command that prints a secret", error))?;
    if !output.status.success() {
        return Err(Problem::new(
            Kind::Unavailable,
            format!("the command that prints a secret failed ({})", output.status),
        )
        .hint("run it by hand and see what it says"));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| {
        Problem::invalid("the command that prints a secret printed something that is not UTF-8 text")
    })?;
    non_empty(text.trim(), "the output of the command")
}

fn non_empty(text: &str, place: &str) -> Result<String> {
    if text.is_empty() {
        return Err(Problem::invalid(format!("the secret in {place} is empty")));
    }
    Ok(text.to_owned())
}
