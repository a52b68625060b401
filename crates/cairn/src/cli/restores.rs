//! Restore, undo, resume: the plan is shown, confirmed, and carried out as shown.

use model::{Action, Kind, Mode, Plan, Problem, Result};
use serde_json::{Value, json};
use service::{RestoreRequest, Restored, Service, Target};

use super::arguments::{ModeWord, Restore, Resume, Undo};
use super::watch::watch;
use crate::output::{Output, columns, duration, size};

/// More items are only counted on a terminal; `--json` has them all.
const SHOWN: usize = 40;

pub(crate) async fn restore(service: &Service, words: Restore, output: Output) -> Result<u8> {
    let request = RestoreRequest {
        backup: words.backup,
        parts: words.parts,
        paths: words.paths,
        to: words.to,
        mode: words.mode.map(|mode| match mode {
            ModeWord::Replace => Mode::Replace,
            ModeWord::Merge => Mode::Merge,
            ModeWord::Rebuild => Mode::Rebuild,
        }),
        deep: words.deep,
        without_safety: words.without_safety,
    };
    let asked = &request;
    let (plan, target) = watch(output, |progress, cancel| async move {
        service.plan_restore(asked, &progress, &cancel).await
    })
    .await?;
    if words.plan {
        output.answer(&plan_json(&plan), || sheet(&plan))?;
        return Ok(0);
    }
    if let Some(hash) = &words.approved
        && !(hash.len() >= 8 && plan.hash.starts_with(hash.as_str()))
    {
        let shown = format!(
            "the plan is now {} and not the approved {hash}; nothing was changed",
            plan.hash
        );
        return Err(Problem::new(Kind::Drifted, shown).hint("look at it with --plan"));
    }
    carry_out(
        service,
        &request,
        &plan,
        &target,
        words.yes || words.approved.is_some(),
        output,
    )
    .await
}

pub(crate) async fn undo(service: &Service, words: &Undo, output: Output) -> Result<u8> {
    let job = words.restore.as_deref();
    let (request, plan, target) = watch(output, |progress, cancel| async move {
        service.plan_undo(job, &progress, &cancel).await
    })
    .await?;
    if words.plan {
        output.answer(&plan_json(&plan), || sheet(&plan))?;
        return Ok(0);
    }
    carry_out(service, &request, &plan, &target, words.yes, output).await
}

async fn carry_out(
    service: &Service,
    request: &RestoreRequest,
    plan: &Plan,
    target: &Target,
    yes: bool,
    output: Output,
) -> Result<u8> {
    if plan.draft.is_destructive() && !yes {
        output.say(&sheet(plan));
        output.confirm(
            "This changes what is there; a safety backup is taken first.",
            "restore",
        )?;
    }
    let done = watch(output, |progress, cancel| async move {
        service.restore(request, plan, target, &progress, &cancel).await
    })
    .await?;
    finish(&done, output)
}

pub(crate) async fn resume(service: &Service, words: &Resume, output: Output) -> Result<u8> {
    let job = words.job.as_deref();
    let done = watch(output, |progress, cancel| async move {
        service.resume(job, &progress, &cancel).await
    })
    .await?;
    finish(&done, output)
}

fn finish(done: &Restored, output: Output) -> Result<u8> {
    for warning in &done.warnings {
        output.warn(warning);
    }
    let counts = &done.counts;
    output.answer(&json!(done), || {
        let verified = if done.verified {
            "compared with the backup: equal"
        } else {
            "compared with the backup: NOT equal"
        };
        format!(
            "{} created, {} updated, {} deleted, {} kept in {}; {verified}",
            counts.create,
            counts.update,
            counts.delete,
            counts.keep,
            duration(done.seconds)
        )
    })?;
    if done.safety_backup.is_some() {
        output.say("To take it back: cairn undo");
    }
    Ok(if done.state == "succeeded" { 0 } else { 3 })
}

/// The shape that scripts rely on.
fn plan_json(plan: &Plan) -> Value {
    let item = |item: &model::Item| json!({"action": item.action, "kind": item.kind, "name": item.name, "part": item.part, "detail": item.detail});
    json!({"plan": {
        "id": plan.id,
        "hash": plan.hash,
        "mode": plan.mode,
        "backup": plan.backup,
        "expires": model::moment_text(plan.expires),
        "counts": plan.draft.counts(),
        "seconds_estimate": plan.draft.seconds_estimate,
        "warnings": plan.draft.warnings,
        "items": plan.draft.items.iter().map(item).collect::<Vec<_>>(),
    }})
}

fn sheet(plan: &Plan) -> String {
    let counts = plan.draft.counts();
    let sign = |action| match action {
        Action::Delete => "- delete",
        Action::Create => "+ create",
        Action::Update => "~ update",
        Action::Keep => "  keep",
    };
    let row = |item: &model::Item| {
        vec![
            sign(item.action).to_owned(),
            item.kind.clone(),
            format!("{}/{}", item.part, item.name),
            item.detail.clone(),
        ]
    };
    let mut text = columns(&plan.draft.items.iter().take(SHOWN).map(row).collect::<Vec<_>>());
    if plan.draft.items.len() > SHOWN {
        text.push_str(&format!(
            "… and {} more (all with --json)\n",
            plan.draft.items.len() - SHOWN
        ));
    }
    for warning in &plan.draft.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text.push_str(&format!(
        "plan {}: {} to delete, {} to create, {} to update, {} kept; {} to write\n",
        &plan.hash[..12],
        counts.delete,
        counts.create,
        counts.update,
        counts.keep,
        size(plan.draft.bytes)
    ));
    text
}
