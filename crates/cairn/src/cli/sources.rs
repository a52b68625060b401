//! `cairn source`: what is protected.

use model::Result;
use serde_json::json;
use service::{Service, SourceView};

use super::arguments::{EditSource, SourceCommand};
use super::given::settings_given;
use crate::cli::output::{Output, columns, when};

pub(crate) async fn source(service: &Service, command: SourceCommand, output: Output) -> Result<u8> {
    match command {
        SourceCommand::Add(words) => {
            let kind = service.kinds().get(&words.kind)?;
            let settings = settings_given(kind, &words.given)?;
            let added = service.add_source(&words.name, &words.kind, &settings).await?;
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

fn short_answer(source: &SourceView, output: Output) -> Result<u8> {
    let value = json!({"id": source.id, "name": source.name, "kind": source.kind});
    output.answer(&value, || {
        format!("{}  {}  {}", source.name, source.kind, source.id)
    })?;
    Ok(0)
}

async fn edit(service: &Service, words: EditSource, output: Output) -> Result<u8> {
    let source = service.source(&words.source).await?;
    let kind = service.kinds().get(&source.kind)?;
    let changes = settings_given(kind, &words.given)?;
    let edited = service
        .edit_source(&source.id, words.name.as_deref(), &changes)
        .await?;
    short_answer(&edited, output)
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
