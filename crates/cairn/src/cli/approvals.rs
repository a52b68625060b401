//! `cairn approve`: who was asked sees what would be done, and answers.

use model::{ApprovalState, Group, Kind, Result};
use serde_json::json;
use service::{Agreement, ApprovalSheet, ApprovalView, Service};

use super::arguments::Approve;
use super::restores::finish_with;
use super::watch::watch;
use crate::cli::output::{Output, columns, size, when};

/// More are only counted; `--json` has them all.
const MOST: u32 = 200;

pub(crate) async fn approve(service: &Service, words: Approve, output: Output) -> Result<u8> {
    let Some(request) = &words.request else {
        return list(service, words.all, output).await;
    };
    let shown = service.show_approval(request).await?;
    if words.show {
        output.answer(&json!(shown), || sheet(&shown))?;
        return Ok(0);
    }
    let id = shown.approval.id.clone();
    let reason = words.reply.reason.unwrap_or_default();
    if words.reply.decline {
        let view = service.decline(&id, &reason).await?;
        output.answer(&json!(view), || {
            format!("declined: {} is not restored", view.source)
        })?;
        return Ok(0);
    }
    let name = match words.reply.name {
        Some(name) => name,
        None => typed(&shown, output)?,
    };
    let view = service.approve(&id, &Agreement { name, reason }).await?;
    if words.reply.no_wait {
        output.say(&format!("To see how it stands: cairn status {}", view.job));
        output.answer(&json!(view), || {
            format!("approved: the restore is job {}", view.job)
        })?;
        return Ok(0);
    }
    output.say("Approved; the restore begins.");
    follow(service, &view, output).await
}

/// On a terminal: shows what would be done, and asks for the name.
fn typed(shown: &ApprovalSheet, output: Output) -> Result<String> {
    if shown.approval.state == ApprovalState::Pending {
        output.say(&sheet(shown));
        let question = "To approve it, type the exact name of what would be changed:";
        return output.ask(question).map_err(|problem| {
            if problem.kind() == Kind::Refused {
                problem.hint("give it with --name; `cairn approve REQUEST --show` shows what would be done")
            } else {
                problem
            }
        });
    }
    // The service says what became of it.
    Ok(String::new())
}

async fn follow(service: &Service, view: &ApprovalView, output: Output) -> Result<u8> {
    let job = view.job.as_str();
    let done = watch(output, |progress, cancel| async move {
        service.follow_restore(job, &progress, &cancel).await
    })
    .await?;
    let mut value = json!(view);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("restore".to_owned(), json!(done));
    }
    finish_with(&done, &value, output)
}

async fn list(service: &Service, all: bool, output: Output) -> Result<u8> {
    let requests = service.list_approvals(!all, MOST).await?;
    let heading = ["ID", "SOURCE", "STATE", "ASKED BY", "WHO WAS ASKED", "UNTIL"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(requests.iter().map(|request| {
        vec![
            request.id.clone(),
            request.source.clone(),
            request.state.to_string(),
            request.requester.clone(),
            request.asked.join(", "),
            when(request.expires_ms),
        ]
    }));
    output.answer(&json!(requests), || columns(&rows))?;
    if requests.is_empty() {
        output.say("Nobody waits for an approval.");
    }
    Ok(0)
}

/// Everything that somebody should know before he answers.
fn sheet(shown: &ApprovalSheet) -> String {
    let request = &shown.approval;
    let made = request.backup_created.as_deref().unwrap_or("(deleted since)");
    let counts = &shown.counts;
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut rows = vec![
        ("request", request.id.clone()),
        ("state", request.state.to_string()),
        ("restore of", request.source.clone()),
        (
            "from the backup",
            format!("{} {made}", request.backup_name).trim().to_owned(),
        ),
        ("mode", shown.mode.clone()),
        ("parts", shown.parts.join(", ")),
        ("asked by", request.requester.clone()),
        ("who was asked", request.asked.join(", ")),
        ("until", when(request.expires_ms)),
        ("answered by", optional(&request.decided_by)),
        ("reason", request.reason.clone()),
        (
            "would",
            format!(
                "delete {}, create {}, update {}, keep {}; write {}",
                counts.delete,
                counts.create,
                counts.update,
                counts.keep,
                size(shown.bytes)
            ),
        ),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    let row = |(name, value): (&str, String)| vec![name.to_owned(), value];
    let mut text = columns(&rows.into_iter().map(row).collect::<Vec<_>>());
    text.push_str(&columns(&shown.groups.iter().map(in_a_row).collect::<Vec<_>>()));
    for warning in &shown.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

/// `  delete  world  file  3  a, b, …`
fn in_a_row(group: &Group) -> Vec<String> {
    let more = if group.count > group.names.len() as u64 {
        ", …"
    } else {
        ""
    };
    vec![
        format!("  {:?}", group.action).to_lowercase(),
        group.part.clone(),
        group.kind.clone(),
        group.count.to_string(),
        format!("{}{more}", group.names.join(", ")),
    ]
}
