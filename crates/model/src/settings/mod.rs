//! What the settings of a kind of source are, as data.
//!
//! A [`Description`] lists [`Field`]s; from it come the flags of the command line, the checks of the API,
//! the forms of the web pages and the tables of the documentation. The settings themselves are one JSON
//! object whose keys are the fields' names.
//! Rules: names are `snake_case` and become `--kebab-case` flags; a secret is never given on a command line
//! but by file, environment or command, and is kept apart from the rest ([`Description::split`]); an
//! unknown key is refused with the nearest known one; every problem names its key.

mod check;
mod secret;
mod text;

pub use check::Wrong;
pub use secret::Halves;

use serde::Serialize;

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "takes")]
pub enum Takes {
    Text,
    Path,
    Number {
        least: i64,
        most: i64,
    },
    /// Yes or no.
    Switch,
    OneOf {
        words: &'static [&'static str],
    },
    /// `24h`
    Lapse,
    /// `20M`
    Size,
    /// Names with texts; on the command line `name=text`, given as often as needed.
    Pairs,
    /// Any JSON; the source checks it itself.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    pub name: &'static str,
    /// For people, one sentence.
    pub about: &'static str,
    #[serde(flatten)]
    pub takes: Takes,
    pub required: bool,
    /// As it would be written on the command line.
    pub default: Option<&'static str>,
    pub secret: bool,
    /// The variable from which it is taken when nothing else gives it.
    pub env: Option<&'static str>,
    /// A list of such values.
    pub repeated: bool,
}

impl Field {
    pub const fn new(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Field {
            name,
            about,
            takes,
            required: false,
            default: None,
            secret: false,
            env: None,
            repeated: false,
        }
    }

    #[must_use]
    pub const fn required(self) -> Self {
        Field {
            required: true,
            ..self
        }
    }

    #[must_use]
    pub const fn default(self, text: &'static str) -> Self {
        Field {
            default: Some(text),
            ..self
        }
    }

    #[must_use]
    pub const fn secret(self) -> Self {
        Field { secret: true, ..self }
    }

    #[must_use]
    pub const fn env(self, variable: &'static str) -> Self {
        Field {
            env: Some(variable),
            ..self
        }
    }

    #[must_use]
    pub const fn repeated(self) -> Self {
        Field {
            repeated: true,
            ..self
        }
    }

    /// The flags of the command line that set it.
    pub fn flags(&self) -> Vec<String> {
        let flag = format!("--{}", self.name.replace('_', "-"));
        if self.secret {
            ["file", "env", "command"]
                .iter()
                .map(|way| format!("{flag}-{way}"))
                .collect()
        } else {
            vec![flag]
        }
    }
}

/// The settings of a kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    pub kind: &'static str,
    pub about: &'static str,
    pub fields: &'static [Field],
}

impl Description {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
