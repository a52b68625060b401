//! Restore, undo, resume: the plan is shown, confirmed, and carried out as shown, once everybody has agreed who has to.

use model::{Action, JobState, Kind, Mode, Plan, Problem, Result};
use serde_json::{Value, json};
use service::{RestoreRequest, Restored, Service, Target};

use super::arguments::{Going, ModeWord, Restore, Resume, Undo};
use super::watch::watch;
use crate::cli::output::{Output, columns, duration, size, when};

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
        leave_unsaved: words.leave_unsaved,
        typed: None,
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
    let going = Going {
        yes: words.going.yes || words.approved.is_some(),
        ..words.going
    };
    carry_out(service, request, &plan, &target, going, output).await
}

pub(crate) async fn undo(service: &Service, words: &Undo, output: Output) -> Result<u8> {
    let job = words.restore.as_deref();
    let (request, plan, target) = watch(output, |progress, cancel| async move {
        service
            .plan_undo_leaving(job, words.leave_unsaved, &progress, &cancel)
            .await
    })
    .await?;
    if words.plan {
        output.answer(&plan_json(&plan), || sheet(&plan))?;
        return Ok(0);
    }
    carry_out(service, request, &plan, &target, words.going, output).await
}

async fn carry_out(
    service: &Service,
    request: RestoreRequest,
    plan: &Plan,
    target: &Target,
    going: Going,
    output: Output,
) -> Result<u8> {
    let word = service.word_to_type(plan, target).await?;
    // Nobody confirms what is refused anyway.
    let is_refused = !plan.draft.would_lose().is_empty() && request.without_safety.is_none();
    if plan.draft.is_destructive() && !going.yes && !is_refused {
        output.say(&sheet(plan));
        output.confirm(
            "This changes what is there; a safety backup is taken first.",
            word.as_deref().unwrap_or("restore"),
        )?;
    }
    let request = &RestoreRequest {
        typed: word,
        ..request
    };
    let done = watch(output, |progress, cancel| async move {
        service.restore(request, plan, target, &progress, &cancel).await
    })
    .await?;
    match &done.approval {
        Some(approval) => wait_for(service, &done, approval, going.wait, output).await,
        None => finish(&done, output),
    }
}

/// Says who was asked; with `--wait` until he has answered, and then to the end.
async fn wait_for(
    service: &Service,
    done: &Restored,
    approval: &str,
    wait: bool,
    output: Output,
) -> Result<u8> {
    let view = service.show_approval(approval).await?.approval;
    let who = if view.asked.is_empty() {
        "nobody could be asked by letter".to_owned()
    } else {
        format!("{} was asked", view.asked.join(" or "))
    };
    output.say(&format!(
        "This restore waits for an approval, until {}: {who}.",
        when(view.expires_ms)
    ));
    if wait {
        // Notices are sent at the end of a command, where nobody serves.
        service.deliver_alone().await?;
        let job = done.job.as_str();
        let done = watch(output, |progress, cancel| async move {
            service.follow_restore(job, &progress, &cancel).await
        })
        .await?;
        return finish(&done, output);
    }
    output.say(&format!(
        "To answer: cairn approve {approval}\nTo see how it stands: cairn status {job}\nTo take it back: cairn cancel {job}",
        job = done.job
    ));
    output.answer(&json!(done), || format!("waiting for approval {approval}"))?;
    Ok(JobState::Waiting.exit_code())
}

pub(crate) async fn resume(service: &Service, words: &Resume, output: Output) -> Result<u8> {
    let job = words.job.as_deref();
    let done = watch(output, |progress, cancel| async move {
        service.resume(job, &progress, &cancel).await
    })
    .await?;
    finish(&done, output)
}

/// Tells how a restore went; the exit code.
pub(super) fn finish(done: &Restored, output: Output) -> Result<u8> {
    finish_with(done, &json!(done), output)
}

/// The same with another answer in JSON.
pub(super) fn finish_with(done: &Restored, value: &Value, output: Output) -> Result<u8> {
    for warning in &done.warnings {
        output.warn(warning);
    }
    let counts = &done.counts;
    output.answer(value, || {
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
    let unsaved = |one: &model::Unsaved| json!({"part": one.part, "name": one.name, "reason": one.why});
    json!({"plan": {
        "id": plan.id,
        "hash": plan.hash,
        "mode": plan.mode,
        "backup": plan.backup,
        "expires": model::moment_text(plan.expires),
        "counts": plan.draft.counts(),
        "seconds_estimate": plan.draft.seconds_estimate,
        "warnings": plan.draft.warnings,
        "unsaved": plan.draft.unsaved.iter().map(unsaved).collect::<Vec<_>>(),
        "leaves_unsaved": plan.draft.leaves_unsaved,
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
    for one in plan.draft.would_lose().iter().take(SHOWN) {
        text.push_str(&format!(
            "cannot be saved first: {}/{} ({})\n",
            one.part, one.name, one.why
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
