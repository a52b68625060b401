//! Reading a secret from its place.

use std::fmt;

use model::{Kind, Problem, Result, SecretPlace};

/// Prints nothing of itself.
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn read(place: &SecretPlace) -> Result<Self> {
        let found = match place {
            SecretPlace::Env(name) => std::env::var(name).map_err(|_| {
                Problem::new(
                    Kind::Unavailable,
                    format!("the variable {name} is not set, or is no text"),
                )
                .hint("set it for the process that runs Cairn, or name a file with file:/path")
            })?,
            SecretPlace::File(path) => std::fs::read_to_string(path).map_err(|error| {
                Problem::new(
                    Kind::Unavailable,
                    format!("cannot read the secret in {path}: {error}"),
                )
                .hint("it must be there, and readable for the user that runs Cairn")
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

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}
