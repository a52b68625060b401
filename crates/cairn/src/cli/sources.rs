//! `cairn source`: what is protected.

use model::{Problem, Result};
use serde_json::{Map, Value, json};
use service::{Service, SourceView};

use super::arguments::{AddSource, EditSource, FolderSettings, SourceCommand};
use crate::cli::output::{Output, columns, when};

pub(crate) async fn source(service: &Service, command: SourceCommand, output: Output) -> Result<u8> {
    match command {
        SourceCommand::Add(AddSource::Folder(words)) => {
            let mut settings = folder_settings(&words.settings)?;
            settings.insert("paths".to_owned(), json!(absolute(&words.paths)?));
            let added = service
                .add_source(&words.name, "folder", &Value::Object(settings))
                .await?;
            short_answer(&added, output)
        }
        SourceCommand::List => list(service, output).await,
        SourceCommand::Show(words) => show(service, &service.source(&words.source).await?, output).await,
        SourceCommand::Edit(words) => edit(service, words, output).await,
        SourceCommand::Check(words) => check(service, &words.source, output).await,
        SourceCommand::Remove(words) => {
            if !words.yes {
                output.confirm(
                    &format!("{} will no longer be protected; its backups stay.", words.source),
                    &words.source,
                )?;
            }
            short_answer(&service.remove_source(&words.source).await?, output)
        }
    }
}

fn absolute(paths: &[std::path::PathBuf]) -> Result<Vec<std::path::PathBuf>> {
    let resolve = |path: &std::path::PathBuf| {
        path.canonicalize()
            .map_err(|error| Problem::io(format!("cannot use the folder {}", path.display()), error))
    };
    paths.iter().map(resolve).collect()
}

fn folder_settings(words: &FolderSettings) -> Result<Map<String, Value>> {
    let mut settings = Map::new();
    if !words.ignore.is_empty() {
        settings.insert("ignore".to_owned(), json!(words.ignore));
    }
    if words.one_file_system {
        settings.insert("one_file_system".to_owned(), json!(true));
    }
    if let Some(text) = &words.guard {
        settings.insert("guard".to_owned(), guard(text, words.stop)?);
    }
    for pair in &words.set {
        let (key, text) = pair
            .split_once('=')
            .ok_or_else(|| Problem::invalid(format!("“{pair}” is not KEY=JSON")))?;
        let value = serde_json::from_str(text).map_err(|error| {
            Problem::invalid(format!("the value of {key} is not JSON: {error}"))
                .hint("quote texts: --set 'key=\"text\"'")
        })?;
        settings.insert(key.to_owned(), value);
    }
    Ok(settings)
}

/// `unit:minecraft` → the document of the setting.
fn guard(text: &str, stop: bool) -> Result<Value> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let wrong = |why: &str| {
        Problem::invalid(format!("“{text}” is not a guard: {why}"))
            .hint("for example unit:minecraft.service, container:mc, pid:/run/mc.pid, port:127.0.0.1:25565, command:/usr/local/bin/is-running")
    };
    let mut document = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?
    } else {
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
        json!({ "probe": probe })
    };
    if stop {
        document["when_running"] = json!("stop");
    }
    Ok(document)
}

fn short_answer(source: &SourceView, output: Output) -> Result<u8> {
    let value = json!({"id": source.id, "name": source.name, "kind": source.kind});
    output.answer(&value, || {
        format!("{}  {}  {}", source.name, source.kind, source.id)
    })?;
    Ok(0)
}

async fn edit(service: &Service, words: EditSource, output: Output) -> Result<u8> {
    let mut changes = folder_settings(&words.settings)?;
    if !words.paths.is_empty() {
        changes.insert("paths".to_owned(), json!(absolute(&words.paths)?));
    }
    short_answer(
        &service
            .edit_source(&words.source, words.name.as_deref(), &Value::Object(changes))
            .await?,
        output,
    )
}

async fn list(service: &Service, output: Output) -> Result<u8> {
    let sources = service.list_sources().await?;
    let mut rows = vec![
        ["NAME", "KIND", "CREATED", "SETTINGS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(sources.iter().map(|source| {
        vec![
            source.name.clone(),
            source.kind.clone(),
            when(source.created),
            source.settings.to_string(),
        ]
    }));
    output.answer(&json!(sources), || columns(&rows))?;
    Ok(0)
}

async fn show(service: &Service, source: &SourceView, output: Output) -> Result<u8> {
    let inspection = service.check_source(&source.id).await?;
    let mut value = json!(source);
    value["parts"] = json!(inspection.parts);
    value["obstacles"] = json!(inspection.obstacles);
    output.answer(&value, || {
        let mut text = format!(
            "{} ({})\nid: {}\nsettings: {}\n",
            source.name, source.kind, source.id, source.settings
        );
        for part in &inspection.parts {
            text.push_str(&format!("part {}: {}\n", part.name, part.about));
        }
        text
    })?;
    Ok(0)
}

async fn check(service: &Service, source: &str, output: Output) -> Result<u8> {
    let inspection = service.check_source(source).await?;
    output.answer(&json!(inspection), || {
        let line = |obstacle: &service::Obstacle| format!("{}\n  {}\n", obstacle.message, obstacle.hint);
        let text: String = inspection.obstacles.iter().map(line).collect();
        if text.is_empty() {
            "nothing is in the way".to_owned()
        } else {
            text
        }
    })?;
    Ok(u8::from(
        inspection.obstacles.iter().any(|obstacle| obstacle.blocking),
    ))
}
