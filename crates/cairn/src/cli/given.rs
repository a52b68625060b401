//! From what somebody typed to the settings of a source, as its kind describes them.
//!
//! Rules: a path is meant from where the command was given, and must be there; a secret comes from a file, a variable or a command, and is
//! never typed on the command line.

use std::path::Path;

use model::{Description, Problem, Result, Takes};
use serde_json::{Map, Value};
use service::SourceKind;

use super::arguments::Given;
use crate::configuration::{secret_command, secret_file};

/// The settings that were given; not yet complete.
pub(crate) fn settings_given(kind: &dyn SourceKind, given: &Given) -> Result<Value> {
    let described = kind.description();
    let mut texts: Vec<(&str, String)> = Vec::new();
    for (field, text) in &given.texts {
        texts.push((field, read(kind, field, text)?));
    }
    for (field, way, place) in &given.secrets {
        texts.push((field, secret(way, place)?));
    }
    let pairs = texts.iter().map(|(field, text)| (*field, text.as_str()));
    let mut settings = described.from_texts(pairs)?;
    for flag in &given.shortcuts {
        take_shortcut(described, flag, &mut settings);
    }
    if let Some(settings) = settings.as_object_mut() {
        for pair in &given.any {
            let (key, value) = any(pair)?;
            settings.insert(key, value);
        }
    }
    Ok(settings)
}

/// What is added to the settings for one backup.
pub(crate) fn more_given(kind: &dyn SourceKind, given: &Given) -> Result<Map<String, Value>> {
    let settings = settings_given(kind, given)?;
    Ok(settings.as_object().cloned().unwrap_or_default())
}

/// The text in the form in which the field takes it.
fn read(kind: &dyn SourceKind, field: &str, text: &str) -> Result<String> {
    if let Some(document) = kind.shorthand(field, text) {
        return document.map(|document| document.to_string());
    }
    match kind.description().field(field) {
        Some(field) if field.takes == Takes::Path => absolute(Path::new(text)),
        _ => Ok(text.to_owned()),
    }
}

fn absolute(path: &Path) -> Result<String> {
    let found = path
        .canonicalize()
        .map_err(|error| Problem::io(format!("cannot use the folder {}", path.display()), error))?;
    found.into_os_string().into_string().map_err(|name| {
        Problem::invalid(format!("the path {} is not UTF-8 text", name.display()))
            .hint("give it a name that is, or name the folder above it")
    })
}

fn secret(way: &str, place: &str) -> Result<String> {
    match way {
        "file" => secret_file(Path::new(place)),
        "env" => std::env::var(place)
            .map_err(|_| Problem::invalid(format!("there is no text in the variable {place}"))),
        _ => secret_command(place),
    }
}

fn take_shortcut(described: &Description, flag: &str, settings: &mut Value) {
    for shortcut in described.shortcuts.iter().filter(|known| known.flag == flag) {
        if settings[shortcut.field].is_object() {
            settings[shortcut.field][shortcut.key] = shortcut.value.into();
        }
    }
}

fn any(pair: &str) -> Result<(String, Value)> {
    let (key, text) = pair
        .split_once('=')
        .ok_or_else(|| Problem::invalid(format!("“{pair}” is not KEY=JSON")))?;
    let value = serde_json::from_str(text).map_err(|error| {
        Problem::invalid(format!("the value of {key} is not JSON: {error}"))
            .hint("quote texts: --set 'key=\"text\"'")
    })?;
    Ok((key.to_owned(), value))
}
