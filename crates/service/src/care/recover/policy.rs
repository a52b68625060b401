//! The policy of a source, as its newest backup remembers it.
//!
//! Rules: it is brought back only where the source has none. What would run by itself stays off until somebody switches it on: the machine
//! from which the backups come may still be running, and two of them would thin out one repository. Hooks and notices are not in a
//! manifest, since commands and addresses may hold secrets and archives carry manifests out; that there were some is said.

use catalog::sources::SourceRow;
use model::{Manifest, ManifestSource, Policy, Problem, Result, Schedule};
use serde::Serialize;

use super::{LostSecrets, Recovered};
use crate::Service;
use crate::instance::policy_of;
use crate::orders::Target;
use crate::sources::lost_secrets;

/// What a source has before anybody has said anything.
const NONE: &str = "{}";

/// A policy that was brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecoveredPolicy {
    pub source: String,
    /// When backups were made by themselves, in words that `cairn schedule set` reads.
    pub schedule: String,
    /// Are they again?
    pub switched_on: bool,
    /// What the policy had and the manifest has not: `hooks`, `notify`.
    pub lacks: Vec<String>,
    /// Why it could not be brought back.
    pub problem: Option<String>,
    #[serde(skip)]
    remembered: Schedule,
    #[serde(skip)]
    id: String,
}

/// The policy as it is brought back, and what is said of it.
fn remembered(source: &ManifestSource) -> Option<(Policy, RecoveredPolicy)> {
    if source.policy.is_null() {
        return None;
    }
    let mut told = RecoveredPolicy {
        source: source.name.clone(),
        id: source.id.to_string(),
        lacks: source.policy_lacks.clone(),
        schedule: Schedule::off().to_string(),
        ..RecoveredPolicy::default()
    };
    let read = Policy::from_json(source.policy.clone());
    let mut policy = read.unwrap_or_else(|problem: Problem| {
        told.problem = Some(problem.to_string());
        Policy::default()
    });
    told.remembered = std::mem::take(&mut policy.schedule);
    told.schedule = told.remembered.to_string();
    // The zone stays for what counts days.
    policy.schedule.zone = told.remembered.zone.clone();
    Some((policy, told))
}

impl Service {
    /// The source of these backups, with the policy that the newest of them remembers.
    pub(super) async fn recover_source(
        &self,
        newest: &Manifest,
        created: i64,
        recovered: &mut Recovered,
    ) -> Result<()> {
        let source = &newest.source;
        let id = source.id.to_string();
        let known = self.catalog.source(&id).await?;
        if known.as_ref().is_some_and(|row| row.policy != NONE) {
            return Ok(());
        }
        let brought = remembered(source);
        let text = brought
            .as_ref()
            .and_then(|(policy, _)| serde_json::to_string(policy).ok());
        match (known, text) {
            (None, text) => {
                let row = SourceRow {
                    policy: text.unwrap_or_else(|| NONE.to_owned()),
                    ..self.row_of_source(source, created).await?
                };
                self.catalog.add_source(&row).await?;
                let lost = lost_secrets(&row.settings);
                if !lost.is_empty() {
                    recovered.secrets.push(LostSecrets {
                        source: row.name,
                        settings: lost,
                    });
                }
                recovered.sources += 1;
            }
            (Some(row), Some(policy)) => self.catalog.update_source(&SourceRow { policy, ..row }).await?,
            (Some(_), None) => return Ok(()),
        }
        recovered.policies.extend(brought.map(|(_, told)| told));
        Ok(())
    }

    async fn row_of_source(&self, source: &ManifestSource, created: i64) -> Result<SourceRow> {
        let id = source.id.to_string();
        let is_taken = self.catalog.source_named(&source.name).await?.is_some();
        let name = if is_taken {
            format!("{} {}", source.name, &id[..8])
        } else {
            source.name.clone()
        };
        Ok(SourceRow {
            name,
            kind: source.kind.clone(),
            settings: self.found_settings(&source.kind, &id, &source.settings)?,
            policy: NONE.to_owned(),
            node: self.options.node.clone(),
            id,
            created,
            hidden: i64::from(Target::is_name_of_dir(&source.name)),
        })
    }

    /// Schedules run again, because somebody wishes it.
    pub(super) async fn switch_on(&self, policies: &mut [RecoveredPolicy]) -> Result<()> {
        for told in policies.iter_mut().filter(|told| !told.remembered.is_off()) {
            let Some(row) = self.catalog.source(&told.id).await? else {
                continue;
            };
            let policy = Policy {
                schedule: told.remembered.clone(),
                ..policy_of(&row)?
            };
            self.save_policy(row, &policy).await?;
            told.switched_on = true;
        }
        Ok(())
    }
}
