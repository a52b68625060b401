//! `cairn doctor`: what is configured, from where, and what is wrong with how to mend it.
//!
//! It makes no data directory and mends nothing (but it marks the backups of a repository that it finds gone); every check is made, whatever
//! the ones before have found.

use model::{Problem, Result};
use serde_json::{Value, json};
use service::{Level, Service};

use super::options;
use crate::cli::output::{Output, columns};
use crate::configuration::{Configuration, Origin};

struct Finding {
    what: &'static str,
    ok: bool,
    says: String,
    hint: Option<String>,
}

impl Finding {
    fn of(what: &'static str, outcome: std::result::Result<String, Problem>) -> Self {
        match outcome {
            Ok(says) => Finding {
                what,
                ok: true,
                says,
                hint: None,
            },
            Err(problem) => Finding {
                what,
                ok: false,
                says: problem.message().to_owned(),
                hint: problem.hint_text().map(str::to_owned),
            },
        }
    }
}

pub(crate) async fn doctor(configuration: &Configuration, output: Output) -> Result<u8> {
    let (findings, remembered) = examine(configuration).await;
    let mut settings = settings(configuration);
    settings.extend(limits(configuration));
    if let Some(address) = remembered {
        for (_, value, origin) in settings.iter_mut().filter(|(name, _, _)| *name == "repository") {
            value.clone_from(&address);
            *origin = &Origin::Catalog;
        }
    }
    let is_well = findings.iter().all(|finding| finding.ok);
    let setting = |(name, value, origin): &(&str, String, &Origin)| json!({"name": name, "value": value, "origin": origin.to_string()});
    let finding = |finding: &Finding| json!({"check": finding.what, "ok": finding.ok, "message": finding.says, "hint": finding.hint});
    let value = json!({
        "ok": is_well,
        "settings": settings.iter().map(setting).collect::<Vec<Value>>(),
        "checks": findings.iter().map(finding).collect::<Vec<Value>>(),
    });
    output.answer(&value, || {
        let row = |(name, value, origin): &(&str, String, &Origin)| {
            vec![(*name).to_owned(), value.clone(), format!("({origin})")]
        };
        let mut text = columns(&settings.iter().map(row).collect::<Vec<_>>());
        text.push('\n');
        for finding in &findings {
            let mark = if finding.ok { "ok   " } else { "WRONG" };
            text.push_str(&format!("{mark}  {}: {}\n", finding.what, finding.says));
            if let Some(hint) = &finding.hint {
                text.push_str(&format!("       hint: {hint}\n"));
            }
        }
        text
    })?;
    Ok(u8::from(!is_well))
}

fn settings(configuration: &Configuration) -> Vec<(&'static str, String, &Origin)> {
    let or = |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
    let file = configuration
        .file
        .as_ref()
        .map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    let secret = if configuration.password.value.is_some() {
        "(hidden)"
    } else {
        "generated, in the data directory"
    };
    let mail = if configuration.smtp.value.is_some() {
        "(hidden)"
    } else {
        "none: messages go to the outbox folder"
    };
    vec![
        ("configuration file", file, &Origin::Default),
        (
            "data",
            configuration.data.value.display().to_string(),
            &configuration.data.origin,
        ),
        (
            "catalog",
            without_password(&or(&configuration.catalog.value, "in the data directory")),
            &configuration.catalog.origin,
        ),
        (
            "repository",
            or(&configuration.repository.value, "in the data directory"),
            &configuration.repository.origin,
        ),
        (
            "repository password",
            secret.to_owned(),
            &configuration.password.origin,
        ),
        (
            "node",
            configuration.node.value.clone(),
            &configuration.node.origin,
        ),
        (
            "workers",
            configuration.workers.value.to_string(),
            &configuration.workers.origin,
        ),
        (
            "time zone",
            configuration.time_zone.value.clone(),
            &configuration.time_zone.origin,
        ),
        ("log", configuration.log.value.clone(), &configuration.log.origin),
        ("smtp", mail.to_owned(), &configuration.smtp.origin),
        (
            "mail from",
            configuration.mail_from.value.clone(),
            &configuration.mail_from.origin,
        ),
    ]
}

/// What holds for those who come by the network, and for those who wait.
fn limits(configuration: &Configuration) -> [(&'static str, String, &Origin); 4] {
    let rate = match configuration.rate_limit.value {
        0 => "none".to_owned(),
        most => format!("{most} requests a minute"),
    };
    let upload = configuration.upload_limit.value.to_string();
    let url = configuration.url.value.clone();
    let url = url.unwrap_or_else(|| "none: letters have no links".to_owned());
    [
        ("rate limit", rate, &configuration.rate_limit.origin),
        ("upload limit", upload, &configuration.upload_limit.origin),
        (
            "lock wait",
            configuration.lock_wait.value.words(),
            &configuration.lock_wait.origin,
        ),
        ("url", url, &configuration.url.origin),
    ]
}

/// `postgres://user:secret@host/db` without the secret.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.split_once('@') {
        Some((user, host)) => format!("{scheme}://{}@{host}", user.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

/// What was found, and the address of the repository where only the catalog knows it.
async fn examine(configuration: &Configuration) -> (Vec<Finding>, Option<String>) {
    let data = &configuration.data.value;
    let is_empty = std::fs::read_dir(data).map_or_else(
        |error| error.kind() == std::io::ErrorKind::NotFound,
        |mut entries| entries.next().is_none(),
    );
    if is_empty {
        let says = format!(
            "{} does not exist yet; `cairn init` or the first backup makes it",
            data.display()
        );
        return (vec![Finding::of("data directory", Ok(says))], None);
    }
    let lacks = service::missing_parts(data, configuration.catalog.value.is_some());
    let lacks = lacks
        .into_iter()
        .map(|problem| Finding::of("data directory", Err(problem)));
    let lacks: Vec<Finding> = lacks.collect();
    // Whoever opens it would make a new catalog.
    if !lacks.is_empty() {
        return (lacks, None);
    }
    let options = match options(configuration) {
        Ok(options) => options,
        Err(problem) => return (vec![Finding::of("configuration", Err(problem))], None),
    };
    let service = match Service::open(options).await {
        Ok(service) => service,
        Err(problem) => {
            let found = Finding::of("data directory and catalog", Err(problem));
            return (vec![found], None);
        }
    };
    let findings = examine_opened(&service).await;
    let remembered = service
        .is_address_remembered()
        .then(|| service.repository_address());
    service.close().await;
    (findings, remembered)
}

async fn examine_opened(service: &Service) -> Vec<Finding> {
    let mut findings = vec![Finding::of(
        "data directory",
        Ok("private and of this version".to_owned()),
    )];
    findings.push(Finding::of(
        "catalog",
        service
            .check_catalog()
            .await
            .map(|()| "every page is sound".to_owned()),
    ));
    findings.push(Finding::of(
        "audit log",
        service
            .check_audit()
            .await
            .map(|count| format!("{count} entries, the chain is whole")),
    ));
    findings.push(Finding::of("repository", repository(service).await));
    findings.push(Finding::of("recovery kit", kit(service).await));
    findings.extend(sources(service).await);
    findings
}

async fn repository(service: &Service) -> Result<String> {
    match service.repository().await {
        Err(problem)
            if problem.kind() == model::Kind::RepositoryMissing && !service.expects_repository().await? =>
        {
            Ok("none yet; the first backup makes it".to_owned())
        }
        Err(problem) => Err(problem),
        Ok(_) => {
            let checked = service
                .check(Level::Structure, &model::Progress::new(), &model::Cancel::new())
                .await?;
            let affected = checked.affected.first().map(ToString::to_string);
            let report = checked.report;
            match affected.or_else(|| report.errors().next().map(str::to_owned)) {
                None => Ok(format!(
                    "{} snapshots, {} packs, no errors",
                    report.snapshots, report.packs
                )),
                Some(error) => Err(Problem::damaged(error)
                    .hint("`cairn repository check` lists all; then `cairn repository repair`")),
            }
        }
    }
}

async fn kit(service: &Service) -> Result<String> {
    if service.is_kit_confirmed().await? {
        return Ok("confirmed".to_owned());
    }
    Ok("never confirmed: print it with `cairn kit`, then prove your copy with `cairn kit check`".to_owned())
}

async fn sources(service: &Service) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Ok(sources) = service.list_sources().await else {
        return findings;
    };
    for source in sources {
        let outcome =
            service.check_source(&source.id).await.and_then(|inspection| {
                match inspection.obstacles.into_iter().next() {
                    None => Ok(format!("{}: nothing is in the way", source.name)),
                    Some(obstacle) => Err(Problem::invalid(format!("{}: {}", source.name, obstacle.message))
                        .hint(obstacle.hint)),
                }
            });
        findings.push(Finding::of("source", outcome));
    }
    findings
}
