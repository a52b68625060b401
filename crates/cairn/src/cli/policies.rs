//! Commands about schedules and policies.

use std::io::Read;
use std::path::Path;

use model::{Policy, Problem, Result, Schedule};
use serde_json::{Map, Value, json};
use service::{Fate, KeyChange, ScheduleView, Service};

use super::arguments::{PolicyCommand, ScheduleCommand};
use crate::cli::output::{Output, columns, when};

pub(crate) async fn schedule(service: &Service, words: ScheduleCommand, output: Output) -> Result<u8> {
    let view = match words {
        ScheduleCommand::Set(words) => {
            let zone = service.zone()?;
            let schedule = Schedule::read(&words.when.join(" "), &zone)?;
            let view = service.set_schedule(&words.source, schedule).await?;
            if !service.is_served().await? {
                output.say(
                    "No scheduler is running on this data directory: schedules run while `cairn serve` does.",
                );
            }
            view
        }
        ScheduleCommand::Off(words) => service.set_schedule(&words.source, Schedule::off()).await?,
        ScheduleCommand::Show(words) => service.show_schedule(&words.source).await?,
    };
    output.answer(&json!(view), || schedule_sheet(&view))?;
    Ok(0)
}

fn schedule_sheet(view: &ScheduleView) -> String {
    let mut rows = vec![
        vec!["source".to_owned(), view.source.clone()],
        vec!["schedule".to_owned(), view.schedule.clone()],
    ];
    let missed = if view.catch_up {
        "made up once, as soon as `cairn serve` runs again"
    } else {
        "let go"
    };
    if !view.next_ms.is_empty() {
        rows.push(vec!["missed runs".to_owned(), missed.to_owned()]);
        let last = view.last_ms.map_or("never".to_owned(), when);
        rows.push(vec!["last due".to_owned(), last]);
    }
    for (number, next) in view.next_ms.iter().enumerate() {
        let label = if number == 0 { "next" } else { "" };
        rows.push(vec![label.to_owned(), when(*next)]);
    }
    columns(&rows)
}

pub(crate) async fn policy(service: &Service, words: PolicyCommand, output: Output) -> Result<u8> {
    match words {
        PolicyCommand::Show(words) => show(&service.policy(&words.source).await?, output),
        PolicyCommand::Set(words) => {
            let changes = match &words.file {
                Some(file) => document(file)?,
                None => changes(&words.changes)?,
            };
            show(&service.change_policy(&words.source, &changes).await?, output)
        }
        PolicyCommand::Preset(words) => {
            let zone = service.zone()?;
            let used = service
                .use_preset(&words.source, words.preset.parse()?, &zone)
                .await?;
            for change in &used.changed {
                output.say(&change_told(change));
            }
            if used.changed.is_empty() {
                output.say("it was so already; nothing was changed");
            }
            output.answer(&json!(used), || policy_text(&used.policy))?;
            Ok(0)
        }
        PolicyCommand::Simulate(words) => {
            let fates = service.simulate(&words.source, &changes(&words.changes)?).await?;
            output.answer(&json!(fates), || fate_table(&fates))?;
            Ok(0)
        }
        PolicyCommand::Test(words) => test(service, &words.source, output).await,
    }
}

fn show(policy: &Policy, output: Output) -> Result<u8> {
    output.answer(&json!(policy), || policy_text(policy))?;
    Ok(0)
}

/// As TOML that `set --file` takes.
fn policy_text(policy: &Policy) -> String {
    toml::to_string(policy).unwrap_or_else(|_| json!(policy).to_string())
}

fn change_told(change: &KeyChange) -> String {
    let text = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!(
        "changed {}: {} → {}",
        change.key,
        text(&change.before),
        text(&change.after)
    )
}

fn fate_table(fates: &[Fate]) -> String {
    let heading = ["", "ID", "CREATED", "REASON", "BECAUSE"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(fates.iter().map(|fate| {
        vec![
            if fate.kept { "keep" } else { "delete" }.to_owned(),
            fate.id.clone(),
            when(fate.created_ms),
            fate.reason.clone(),
            fate.because.join(", "),
        ]
    }));
    columns(&rows)
}

async fn test(service: &Service, source: &str, output: Output) -> Result<u8> {
    let tried = service.try_channels(source).await?;
    output.answer(&json!(tried), || {
        let row = |tried: &service::Tried| {
            let says = match (&tried.problem, &tried.hint) {
                (None, _) if tried.arrived => "arrived".to_owned(),
                (None, _) => "lies in the outbox folder, no mail server is configured".to_owned(),
                (Some(problem), Some(hint)) => format!("{problem} ({hint})"),
                (Some(problem), None) => problem.clone(),
            };
            vec![tried.channel.clone(), says]
        };
        columns(&tried.iter().map(row).collect::<Vec<_>>())
    })?;
    if tried.is_empty() {
        output.say("the policy names nobody to be told; see `cairn policy set --help`");
    }
    let failed = tried.iter().any(|tried| tried.problem.is_some());
    let kept = tried.iter().any(|tried| tried.outbox.is_some());
    Ok(match (failed, kept) {
        (true, _) => 1,
        (false, true) => 3,
        (false, false) => 0,
    })
}

/// A policy or a piece of one, as TOML or JSON, from a file or from stdin (`-`).
fn document(path: &Path) -> Result<Value> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Problem::io("cannot read stdin", error))?;
        text
    } else {
        std::fs::read_to_string(path)
            .map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?
    };
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text)
            .map_err(|error| Problem::invalid(format!("{}: {error}", path.display())));
    }
    toml::from_str(&text)
        .map_err(|error| Problem::invalid(format!("{}: {}", path.display(), error.to_string().trim_end())))
}

/// `retention.last=7 limit.most=3` → one object.
fn changes(words: &[String]) -> Result<Value> {
    let mut all = Value::Object(Map::new());
    for word in words {
        let (path, text) = word.split_once('=').ok_or_else(|| {
            Problem::invalid(format!("“{word}” is not KEY=VALUE"))
                .hint("for example retention.last=7, or schedule=off; KEY= puts a key back to its default")
        })?;
        let mut at = &mut all;
        for key in path.split('.') {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = &mut at[key];
        }
        *at = value(text);
    }
    Ok(all)
}

fn value(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
