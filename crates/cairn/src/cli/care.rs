//! Commands about the repository, the kit and the audit log.

use model::{Kind, Problem, Result};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};
use service::{Level, RecoverRequest, RepairPlan, Service};

use super::arguments::{Audit, Init, Kit, KitCommand, Recover, RepositoryCommand, RepositoryCopy, Verify};
use super::watch::watch;
use crate::cli::output::{Output, columns, duration, size, when};
use crate::configuration::secret_file;

pub(crate) async fn init(service: &Service, words: &Init, output: Output) -> Result<u8> {
    let made = service.make_repository(words.replace).await?;
    let address = service.repository_address();
    output.answer(&json!({"repository": address, "created": made}), || {
        if made {
            format!("made the repository at {address}")
        } else {
            format!("the repository at {address} is ready")
        }
    })?;
    output.say("Print the recovery kit and keep it somewhere else: cairn kit");
    Ok(0)
}

pub(crate) async fn kit(service: &Service, words: &Kit, output: Output) -> Result<u8> {
    if let Some(KitCommand::Check) = words.command {
        let mut password = String::new();
        std::io::stdin()
            .read_line(&mut password)
            .map_err(|error| Problem::io("cannot read the password", error))?;
        service.check_kit(&password).await?;
        output.answer(&json!({"state": "succeeded"}), || {
            "the kit opens the repository".to_owned()
        })?;
        return Ok(0);
    }
    let kit = service.kit().await?;
    output.answer(&json!(kit), || {
        let list = |commands: &[String]| commands.iter().map(|command| format!("  {command}\n")).collect::<String>();
        format!(
            "RECOVERY KIT\nKeep this somewhere else than this machine. Whoever has it can read every backup.\n\n\
             repository  {}\npassword    {}\n\nWith Cairn on a new machine (type the password when asked):\n{}\n\
             With stock restic (the same):\n{}\n{}\n\nTo prove that your copy is right: cairn kit check",
            kit.repository,
            kit.password,
            list(&kit.cairn),
            list(&kit.restic),
            service::NEWER_BACKUPS
        )
    })?;
    Ok(0)
}

pub(crate) async fn recover(service: &Service, words: &Recover, output: Output) -> Result<u8> {
    let password = match &words.password_file {
        Some(file) => Some(secret_file(file)?),
        None if service.knows_password()? => None,
        None => Some(typed_password(output)?),
    };
    let request = &RecoverRequest {
        schedules: words.schedules,
        replace: words.replace,
        password,
    };
    let done = watch(output, |progress, cancel| async move {
        service.recover(request, &progress, &cancel).await
    })
    .await?;
    output.answer(&json!(done), || {
        let mut text = String::new();
        for one in &done.damaged {
            text.push_str(&format!("damaged: {}\n", one.why));
        }
        text.push_str(&format!(
            "{} sources and {} backups recovered; {} were known, {} are of other programs, {} are missing, {} are damaged",
            done.sources,
            done.backups,
            done.known,
            done.foreign,
            done.missing,
            done.damaged.len()
        ));
        for told in &done.policies {
            text.push_str(&policy_told(told));
        }
        text
    })?;
    Ok(code_of_skipped(done.damaged.len()))
}

/// One line of stdin; on a terminal it is not shown.
fn typed_password(output: Output) -> Result<String> {
    let problem = |error| Problem::io("cannot read the password", error);
    let stdin = std::io::stdin();
    let shown = tcgetattr(&stdin).ok();
    if let Some(shown) = &shown {
        output.say("The repository's password, from the recovery kit:");
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(|errno| problem(errno.into()))?;
    }
    let mut password = String::new();
    let read = stdin.read_line(&mut password);
    if let Some(shown) = &shown {
        tcsetattr(&stdin, OptionalActions::Flush, shown).map_err(|errno| problem(errno.into()))?;
    }
    read.map_err(problem)?;
    let password = password.trim();
    if password.is_empty() {
        return Err(
            Problem::new(Kind::WrongPassword, "the repository's password is needed, and none came").hint(
                "type it from the recovery kit, name its file with --password-file, or set CAIRN_REPOSITORY_PASSWORD",
            ),
        );
    }
    Ok(password.to_owned())
}

/// What was brought back of a source's policy, and what a person has to do himself.
fn policy_told(told: &service::RecoveredPolicy) -> String {
    let name = &told.source;
    let mut text = match &told.problem {
        None => format!("\n{name}: its policy is back"),
        Some(problem) => format!("\n{name}: its policy could not be brought back: {problem}"),
    };
    if told.switched_on {
        text.push_str(&format!("; it is backed up {}", told.schedule));
    } else if told.schedule != "off" {
        text.push_str(&format!(
            "; its schedule is off, switch it on with: cairn schedule set \"{name}\" {}",
            told.schedule
        ));
    }
    for lacked in &told.lacks {
        text.push_str(&format!(
            "; its `{lacked}` was not kept with the backups, set it again"
        ));
    }
    text
}

/// 0, or 3 for what was done with something left out.
fn code_of_skipped(count: usize) -> u8 {
    if count == 0 { 0 } else { 3 }
}

pub(crate) async fn verify(service: &Service, words: &Verify, output: Output) -> Result<u8> {
    let backup = if words.all { None } else { words.backup.as_deref() };
    let done = watch(output, |progress, cancel| async move {
        service.verify(backup, &progress, &cancel).await
    })
    .await?;
    output.answer(&json!(done), || {
        let mut text: String = done
            .problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect();
        let outcome = match done.affected.len() as u64 {
            0 if done.problems.is_empty() => "every byte is there and right".to_owned(),
            0 => "damage was found".to_owned(),
            count => format!(
                "damage was found; {} cannot be restored whole",
                model::counted(count, "backup", "backups")
            ),
        };
        text.push_str(&format!(
            "{} checked in {}: {outcome}",
            model::counted(done.checked, "backup", "backups"),
            duration(done.seconds)
        ));
        text
    })?;
    Ok(u8::from(!done.problems.is_empty()))
}

pub(crate) async fn repository(service: &Service, command: RepositoryCommand, output: Output) -> Result<u8> {
    match command {
        RepositoryCommand::Check(words) => {
            check(
                service,
                if words.read_data {
                    Level::Data
                } else {
                    Level::Structure
                },
                output,
            )
            .await
        }
        RepositoryCommand::Prune(words) => prune(service, words.plan, words.no_grace, output).await,
        RepositoryCommand::Stats => stats(service, output).await,
        RepositoryCommand::Repair(words) => repair(service, words.plan, output).await,
        RepositoryCommand::Copy(words) => copy(service, &words, output).await,
    }
}

async fn check(service: &Service, level: Level, output: Output) -> Result<u8> {
    let checked = watch(output, |progress, cancel| async move {
        service.check(level, &progress, &cancel).await
    })
    .await?;
    let report = &checked.report;
    let finding = |finding: &service::Finding| json!({"error": finding.is_error, "text": finding.text});
    let findings: Vec<Value> = report.findings.iter().map(finding).collect();
    let value = json!({"snapshots": report.snapshots, "packs": report.packs, "bytes_read": report.bytes_read, "findings": findings, "affected": checked.affected});
    output.answer(&value, || {
        let line = |finding: &service::Finding| {
            format!(
                "{}: {}\n",
                if finding.is_error { "error" } else { "hint" },
                finding.text
            )
        };
        let mut text: String = report.findings.iter().map(line).collect();
        text.extend(checked.affected.iter().map(|one| format!("error: {one}\n")));
        let outcome = if checked.is_clean() {
            "no errors"
        } else {
            "errors were found"
        };
        text.push_str(&format!(
            "{} snapshots, {} packs, {} read: {outcome}",
            report.snapshots,
            report.packs,
            size(report.bytes_read)
        ));
        text
    })?;
    Ok(u8::from(!checked.is_clean()))
}

async fn prune(service: &Service, only_plan: bool, no_grace: bool, output: Output) -> Result<u8> {
    let done = watch(output, |progress, cancel| async move {
        if only_plan {
            service.plan_prune(no_grace, &progress, &cancel).await
        } else {
            service.prune(no_grace, &progress, &cancel).await
        }
    })
    .await?;
    output.answer(&json!(done), || {
        let will = if only_plan { "would be" } else { "were" };
        let leftovers = match done.leftovers_deleted {
            0 => String::new(),
            count => format!("; {} of killed writers", model::counted(count, "unfinished file", "unfinished files")),
        };
        format!(
            "{} {will} freed: {} packs deleted, {} written anew{leftovers}; {} packs wait until they are a day old",
            size(done.bytes_freed),
            done.packs_deleted,
            done.packs_repacked,
            done.packs_waiting
        )
    })?;
    Ok(0)
}

async fn stats(service: &Service, output: Output) -> Result<u8> {
    let stats = watch(output, |progress, cancel| async move {
        service.stats(&progress, &cancel).await
    })
    .await?;
    output.answer(&json!(stats), || {
        let damaged = match stats.unreadable_snapshots.len() {
            0 => String::new(),
            count => format!("\n{count} snapshots cannot be read: {}", stats.unreadable_snapshots.join(", ")),
        };
        format!(
            "{} snapshots that restore to {}\n{} stored in {} packs ({} different before compression){damaged}",
            stats.snapshots,
            size(stats.restored_bytes),
            size(stats.stored_bytes),
            stats.packs,
            size(stats.plain_bytes)
        )
    })?;
    Ok(0)
}

async fn repair(service: &Service, only_plan: bool, output: Output) -> Result<u8> {
    let plan = watch(output, |progress, cancel| async move {
        service.repair(only_plan, &progress, &cancel).await
    })
    .await?;
    let list = |ids: &mut dyn Iterator<Item = String>| ids.collect::<Vec<_>>();
    let incomplete = list(&mut plan.incomplete_snapshots.iter().map(ToString::to_string));
    let damaged = list(&mut plan.damaged_snapshots.iter().map(|one| one.id.to_string()));
    let value = json!({
        "unreadable_index_files": plan.unreadable_index_files.len(), "missing_packs": plan.missing_packs.len(),
        "packs_added": plan.packs_added.len(), "unreadable_packs": plan.unreadable_packs.len(),
        "damaged_packs": plan.damaged_packs.len(), "waiting_packs": plan.waiting_packs.len(), "blobs_lost": plan.blobs_lost,
        "incomplete_snapshots": incomplete, "damaged_snapshots": damaged,
    });
    output.answer(&value, || repair_told(&plan))?;
    Ok(code_of_skipped(incomplete.len() + damaged.len()))
}

fn repair_told(plan: &RepairPlan) -> String {
    let mut text = String::new();
    for id in &plan.incomplete_snapshots {
        text.push_str(&format!(
            "not whole: snapshot {id} lacks pieces that are nowhere\n"
        ));
    }
    for one in &plan.damaged_snapshots {
        text.push_str(&format!("not whole: {}\n", one.why));
    }
    if plan.is_empty() {
        text.push_str("nothing is broken");
    } else {
        text.push_str(&format!(
            "{} unreadable index files, {} missing packs, {} packs found again, {} damaged packs, {} pieces lost; \
             the next backup stores again what its source still has",
            plan.unreadable_index_files.len(),
            plan.missing_packs.len(),
            plan.packs_added.len(),
            plan.damaged_packs.len() + plan.unreadable_packs.len(),
            plan.blobs_lost
        ));
    }
    if !plan.waiting_packs.is_empty() {
        let count = model::counted(plan.waiting_packs.len() as u64, "damaged pack", "damaged packs");
        text.push_str(&format!(
            "\n{count} in no index any more: the next prune removes what is old enough"
        ));
    }
    text
}

async fn copy(service: &Service, words: &RepositoryCopy, output: Output) -> Result<u8> {
    let password = &secret_file(&words.password_file)?;
    let done = watch(output, |progress, cancel| async move {
        service.copy_to(&words.to, password, &progress, &cancel).await
    })
    .await?;
    let value = json!({"snapshots": done.snapshots, "present": done.present, "blobs": done.blobs, "bytes": done.bytes, "damaged": done.unreadable.iter().map(|one| one.id.hex()).collect::<Vec<_>>()});
    output.answer(&value, || {
        let mut text: String = done
            .unreadable
            .iter()
            .map(|one| format!("left out: {}\n", one.why))
            .collect();
        text.push_str(&format!(
            "{} snapshots copied, {} of them new there",
            done.snapshots,
            size(done.bytes)
        ));
        if done.present > 0 {
            text.push_str(&format!("; {} were there already", done.present));
        }
        text
    })?;
    let is_nothing_there = done.snapshots + done.present == 0 && !done.unreadable.is_empty();
    Ok(if is_nothing_there {
        1
    } else {
        code_of_skipped(done.unreadable.len())
    })
}

pub(crate) async fn audit(service: &Service, words: &Audit, output: Output) -> Result<u8> {
    if words.check {
        let count = service.check_audit().await?;
        output.answer(&json!({"entries": count, "state": "succeeded"}), || {
            format!("the chain of {count} entries is whole")
        })?;
        return Ok(0);
    }
    let entries = service.list_audit(words.limit).await?;
    let value = |row: &service::AuditRow| json!({"seq": row.seq, "at": model::moment_text(row.at), "who": row.who, "what": row.what, "target": row.target, "detail": row.detail, "hash": row.hash});
    let row = |row: &service::AuditRow| {
        vec![
            when(row.at),
            row.who.clone(),
            row.what.clone(),
            row.target.clone(),
            row.detail.clone(),
        ]
    };
    output.answer(&Value::Array(entries.iter().map(value).collect()), || {
        columns(&entries.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(0)
}
