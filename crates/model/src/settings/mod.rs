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

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own about the field"
)]
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
    /// It names a place or a program of the machine: setting it is a matter for whoever runs the machine.
    #[serde(skip_serializing_if = "is_no")]
    pub reaches_machine: bool,
    /// One backup may be made with more of it, beside what is set. Only for lists.
    #[serde(skip_serializing_if = "is_no")]
    pub per_backup: bool,
    /// How the command line takes it.
    #[serde(skip)]
    pub words: Words,
}

/// How the command line takes a setting, where the field's name does not say it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The flag, when it is not the field's name.
    pub flag: Option<&'static str>,
    /// What stands for the value in the help.
    pub value: Option<&'static str>,
    /// Whoever adds a source gives it without a flag, after the name.
    pub is_argument: bool,
    /// It has no flag of its own.
    pub no_flag: bool,
}

/// A switch of the command line that sets one key inside another setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shortcut {
    pub flag: &'static str,
    pub about: &'static str,
    /// The setting in which it sets something; it must be given, too.
    pub field: &'static str,
    pub key: &'static str,
    pub value: &'static str,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_no(value: &bool) -> bool {
    !*value
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
            reaches_machine: false,
            per_backup: false,
            words: Words {
                flag: None,
                value: None,
                is_argument: false,
                no_flag: false,
            },
        }
    }

    #[must_use]
    pub const fn reaches_machine(self) -> Self {
        Field {
            reaches_machine: true,
            ..self
        }
    }

    #[must_use]
    pub const fn per_backup(self) -> Self {
        Field {
            per_backup: true,
            ..self
        }
    }

    #[must_use]
    pub const fn words(self, words: Words) -> Self {
        Field { words, ..self }
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

    /// Its name on the command line, without dashes in front.
    pub fn flag(&self) -> String {
        self.words
            .flag
            .map_or_else(|| self.name.replace('_', "-"), str::to_owned)
    }

    /// The flags of the command line that set it.
    pub fn flags(&self) -> Vec<String> {
        let flag = format!("--{}", self.flag());
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

/// A kind of source: what it is called, and what is set of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    pub kind: &'static str,
    pub about: &'static str,
    pub fields: &'static [Field],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub shortcuts: &'static [Shortcut],
    /// A game server's files: clients of a panel see it as a server.
    pub is_server: bool,
}

impl Description {
    pub const fn new(kind: &'static str, about: &'static str, fields: &'static [Field]) -> Self {
        Description {
            kind,
            about,
            fields,
            shortcuts: &[],
            is_server: false,
        }
    }

    #[must_use]
    pub const fn shortcuts(self, shortcuts: &'static [Shortcut]) -> Self {
        Description { shortcuts, ..self }
    }

    #[must_use]
    pub const fn server(self) -> Self {
        Description {
            is_server: true,
            ..self
        }
    }

    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
