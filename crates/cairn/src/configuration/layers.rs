//! One setting out of its layers: the environment, then the file, then the default.

use std::path::{Path, PathBuf};

use model::Result;

use super::defaults::address;
use super::secrets::{secret_command, secret_file};
use super::{Environment, Hidden, Origin, Setting};

pub(super) struct Layers<'a> {
    pub(super) environment: &'a Environment,
    pub(super) path: PathBuf,
}

impl Layers<'_> {
    fn variable(&self, name: &str) -> Option<&String> {
        self.environment.get(name).filter(|value| !value.is_empty())
    }

    pub(super) fn pick<T>(
        &self,
        name: &'static str,
        file: Option<T>,
        parse: impl Fn(&str) -> Result<T>,
        default: impl Fn() -> T,
    ) -> Result<Setting<T>> {
        if let Some(text) = self.variable(name) {
            let value =
                parse(text).map_err(|problem| problem.context(format!("environment variable {name}")))?;
            return Ok(Setting {
                value,
                origin: Origin::Environment(name),
            });
        }
        Ok(match file {
            Some(value) => Setting {
                value,
                origin: Origin::File(self.path.clone()),
            },
            None => Setting {
                value: default(),
                origin: Origin::Default,
            },
        })
    }

    pub(super) fn text(
        &self,
        name: &'static str,
        file: Option<String>,
        default: impl Fn() -> String,
    ) -> Result<Setting<String>> {
        self.pick(name, file, |text| Ok(text.to_owned()), default)
    }

    pub(super) fn optional(&self, name: &'static str, file: Option<String>) -> Setting<Option<String>> {
        if let Some(text) = self.variable(name) {
            return Setting {
                value: Some(text.clone()),
                origin: Origin::Environment(name),
            };
        }
        let origin = if file.is_some() {
            Origin::File(self.path.clone())
        } else {
            Origin::Default
        };
        Setting { value: file, origin }
    }

    pub(super) fn secret(
        &self,
        [plain, from_file, from_command]: [&'static str; 3],
        file_key: Option<PathBuf>,
        command_key: Option<String>,
    ) -> Result<Setting<Option<Hidden>>> {
        let found = |text: String, origin| {
            Ok(Setting {
                value: Some(Hidden(text)),
                origin,
            })
        };
        if let Some(text) = self.variable(plain) {
            return found(text.clone(), Origin::Environment(plain));
        }
        if let Some(path) = self.variable(from_file) {
            return found(secret_file(Path::new(path))?, Origin::Environment(from_file));
        }
        if let Some(command) = self.variable(from_command) {
            return found(secret_command(command)?, Origin::Environment(from_command));
        }
        if let Some(path) = file_key {
            return found(secret_file(&path)?, Origin::File(self.path.clone()));
        }
        if let Some(command) = command_key {
            return found(secret_command(&command)?, Origin::File(self.path.clone()));
        }
        Ok(Setting {
            value: None,
            origin: Origin::Default,
        })
    }

    pub(super) fn url(&self, file: Option<String>) -> Result<Setting<Option<String>>> {
        let Setting { value, origin } = self.optional("CAIRN_URL", file);
        let read = |text: String| address(&text).map_err(|problem| problem.context(&origin));
        Ok(Setting {
            value: value.map(read).transpose()?,
            origin,
        })
    }

    /// An SMTP address may hold a password, so it counts as a secret; in the file only without one.
    pub(super) fn smtp(&self, file: Option<String>) -> Result<Setting<Option<Hidden>>> {
        let secret = self.secret(
            ["CAIRN_SMTP", "CAIRN_SMTP_FILE", "CAIRN_SMTP_COMMAND"],
            None,
            None,
        )?;
        match file {
            Some(address) if secret.value.is_none() => Ok(Setting {
                value: Some(Hidden(address)),
                origin: Origin::File(self.path.clone()),
            }),
            _ => Ok(secret),
        }
    }
}
