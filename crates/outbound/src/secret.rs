//! Secrets: read where they are used, kept as text that is never shown by accident.
//!
//! Rules: no `Display`, and a `Debug` that says nothing; whoever needs the text calls [`Secret::reveal`]. A file with a secret is readable by
//! its owner alone, wherever it is named. White space at the ends does not count, and nothing is never a secret. Problems name the place and
//! never what is there.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use model::{Kind, Problem, Result, SecretPlace};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// From where the settings of a hook, a guard or a channel say that it is. It is one line.
    pub fn read(place: &SecretPlace) -> Result<Self> {
        let found = match place {
            SecretPlace::Env(name) => std::env::var(name).map_err(|_| {
                Problem::new(
                    Kind::Unavailable,
                    format!("the variable {name} is not set, or is no text"),
                )
                .hint("set it for the process that runs Cairn, or name a file with file:/path")
            })?,
            SecretPlace::File(path) => read_private(Path::new(path))?.ok_or_else(|| {
                Problem::new(Kind::Unavailable, format!("there is no secret at {place}"))
                    .hint("write the file, readable for the user that runs Cairn alone")
            })?,
        };
        let secret = found.trim();
        if secret.is_empty() || secret.contains(char::is_control) {
            return Err(
                Problem::invalid(format!("what {place} holds is empty, or more than one line"))
                    .hint("it must hold the secret alone, on one line"),
            );
        }
        Ok(Secret(secret.to_owned()))
    }

    /// The whole text of a file that must be there.
    pub fn in_file(path: &Path) -> Result<Self> {
        let text = read_private(path)?.ok_or_else(|| {
            let gone = std::io::Error::from(ErrorKind::NotFound);
            Problem::io(format!("cannot read the secret in {}", path.display()), gone)
        })?;
        Secret::filled(
            text.trim_start_matches('\u{feff}'),
            &format!("{}", path.display()),
        )
    }

    /// What a command of the shell prints.
    pub fn of_command(command: &str) -> Result<Self> {
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output();
        let output =
            output.map_err(|error| Problem::io("cannot run the command that prints a secret", error))?;
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
        Secret::filled(text.trim(), "the output of the command")
    }

    fn filled(text: &str, place: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Problem::invalid(format!("the secret in {place} is empty")));
        }
        Ok(Secret(text.to_owned()))
    }
}

/// The text of a file that only its owner may read, without white space at the ends; `None` when there is no such file.
pub fn read_private(path: &Path) -> Result<Option<String>> {
    let what = |error| Problem::io(format!("cannot read the secret in {}", path.display()), error);
    let mode = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(what)?.permissions().mode(),
    };
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
    let text = fs::read_to_string(path).map_err(what)?;
    Ok(Some(text.trim().to_owned()))
}
