//! The kind `folder` in the table of kinds: its settings as data, and the short forms in which they are written on a command line.

use std::path::Path;

use model::{Description, Field, Problem, Result, Shortcut, Takes, Words};
use serde_json::{Value, json};

use super::{Folder, FolderSettings};
use crate::{Env, Kind, Source};

/// The kind itself.
#[derive(Clone, Copy, Debug)]
pub struct FolderKind;

const PLAIN: Words = Words {
    flag: None,
    value: None,
    is_argument: false,
    no_flag: false,
};

const fn value(value: &'static str) -> Words {
    Words {
        value: Some(value),
        ..PLAIN
    }
}

static FIELDS: [Field; 5] = [
    Field::new("paths", Takes::Path, "The folder; several folders become several parts")
        .required()
        .repeated()
        .reaches_machine()
        .words(Words {
            flag: Some("path"),
            value: Some("PATH"),
            is_argument: true,
            no_flag: false,
        }),
    Field::new(
        "ignore",
        Takes::Text,
        "Leave out what matches this pattern (.gitignore syntax); repeatable",
    )
    .repeated()
    .per_backup()
    .words(value("PATTERN")),
    Field::new(
        "ignore_files",
        Takes::Switch,
        "Read `.cairnignore` and `.pteroignore` files in the folders, too: true unless it is set to false",
    )
    .words(Words {
        no_flag: true,
        ..PLAIN
    }),
    Field::new("one_file_system", Takes::Switch, "Stay on the file system of the folder"),
    Field::new(
        "guard",
        Takes::Json,
        "How to tell whether the server in the folder is running: unit:NAME, container:NAME, pid:FILE, port:HOST:PORT, \
         command:PROGRAM, or a JSON object (for a panel and for stop and start hooks). It is not restored while it runs",
    )
    .reaches_machine()
    .words(value("PROBE")),
];

static SHORTCUTS: [Shortcut; 1] = [Shortcut {
    flag: "stop",
    about: "Stop the server for a restore, and start it again after",
    field: "guard",
    key: "when_running",
    value: "stop",
}];

static DESCRIPTION: Description = Description::new("folder", "A folder, or several", &FIELDS)
    .shortcuts(&SHORTCUTS)
    .server();

impl Kind for FolderKind {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn open(&self, settings: &Value, env: &Env) -> Result<Box<dyn Source>> {
        let settings = FolderSettings::from_json(settings)?;
        Ok(Box::new(Folder::new(settings, &env.forbidden)?))
    }

    fn shorthand(&self, field: &str, text: &str) -> Option<Result<Value>> {
        (field == "guard").then(|| guard(text))
    }

    fn at_path(&self, path: &Path) -> Option<Value> {
        Some(json!({ "paths": [path] }))
    }
}

/// `unit:minecraft` → the document of the setting.
fn guard(text: &str) -> Result<Value> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let wrong = |why: &str| {
        Problem::invalid(format!("“{text}” is not a guard: {why}"))
            .hint("for example unit:minecraft.service, container:mc, pid:/run/mc.pid, port:127.0.0.1:25565, command:/usr/local/bin/is-running")
    };
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| wrong(&error.to_string()));
    }
    let (by, what) = text
        .split_once(':')
        .ok_or_else(|| wrong("it does not say by what"))?;
    let probe = match by {
        "unit" => json!({"by": by, "unit": what}),
        "container" => json!({"by": by, "container": what}),
        "pid" => json!({"by": by, "file": what}),
        "port" => json!({"by": by, "address": what}),
        "command" => json!({"by": by, "command": what.split_whitespace().collect::<Vec<_>>()}),
        _ => return Err(wrong("it is none of unit, container, pid, port, command")),
    };
    Ok(json!({ "probe": probe }))
}
