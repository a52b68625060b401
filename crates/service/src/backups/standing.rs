//! How good a backup is: what it lacks, whether it is suspiciously small, and that somebody accepted it all the same.
//!
//! Rules: a new backup is judged as it is remembered, so that there is none that was not judged; it is compared with good ones only. One that is
//! not good lets nothing go (`keeping`), is marked, and is told of, until somebody accepts it, which asks for what deleting asks for.

use std::collections::{BTreeMap, BTreeSet};

use catalog::backup_pages::Which;
use catalog::backups::BackupRow;
use catalog::paging::{After, Within};
use catalog::sources::SourceRow;
use model::{Amount, Extent, Kind, Manifest, Permission, Problem, Reason, Result, shrunken};
use sources::Obstacle;

use crate::Service;
use crate::backups::view::BackupView;
use crate::instance::policy_of;

/// How much a backup holds, as the catalog keeps it.
pub(crate) fn amounts(manifest: &Manifest) -> String {
    let amount = |part: &model::ManifestPart| {
        let amount = Amount {
            items: part.items,
            bytes: part.bytes,
        };
        (part.name.clone(), amount)
    };
    let amounts: BTreeMap<String, Amount> = manifest.parts.iter().map(amount).collect();
    serde_json::json!(amounts).to_string()
}

fn extent(row: &BackupRow) -> Extent {
    let mut parts: BTreeMap<String, Amount> = serde_json::from_str(&row.amounts).unwrap_or_default();
    // Backups of older versions do not say how much each part holds; of one part it is known all the same.
    let names: Vec<String> = serde_json::from_str(&row.parts).unwrap_or_default();
    if let ([only], true) = (names.as_slice(), parts.is_empty()) {
        let amount = Amount {
            items: row.files.unsigned_abs(),
            bytes: row.bytes.unsigned_abs(),
        };
        parts.insert(only.clone(), amount);
    }
    let ignore: BTreeSet<String> = serde_json::from_str(&row.ignored).unwrap_or_default();
    Extent { parts, ignore }
}

/// What stands in the way of older backups going for this one.
pub(crate) fn reservation(row: &BackupRow) -> Option<Problem> {
    if row.is_good() {
        return None;
    }
    let why = match row.lacks {
        0 => format!("it is suspicious: {}", row.suspicion),
        lacks => format!(
            "it is incomplete: {} could not be read",
            model::counted(lacks.unsigned_abs(), "entry", "entries")
        ),
    };
    Some(Problem::new(Kind::Refused, why).hint(accept_hint(&row.id)))
}

/// Others are measured by it.
fn is_measure(row: &BackupRow) -> bool {
    row.reason != Reason::Safety.word() && row.is_good()
}

fn newest_that_is_there() -> Which {
    Which {
        there: true,
        ordinary: true,
        ..Which::default()
    }
}

pub(crate) fn accept_hint(id: &str) -> String {
    format!("if it is as it should be: cairn accept {id}")
}

impl Service {
    /// Why a new backup is suspicious beside the good ones of its source; empty: it is not.
    pub(crate) async fn suspicion(&self, source: &SourceRow, new: &BackupRow) -> Result<String> {
        if !new.reason.parse::<Reason>()?.is_ordinary() {
            return Ok(String::new());
        }
        // Also what is gone since says how much there was.
        let rows = self.catalog.list_backups(Some(&source.id), i64::MAX).await?;
        let good: Vec<Extent> = rows.iter().filter(|row| is_measure(row)).map(extent).collect();
        let below = policy_of(source)?.suspicious_below;
        Ok(shrunken(&extent(new), &good, below).unwrap_or_default())
    }

    /// Judges backups of one source that were found in the repository, as they would have been when they were made: nobody remembers how
    /// they were judged then, nor that somebody accepted one.
    pub(crate) async fn judge_found(&self, source: &SourceRow, found: &mut [BackupRow]) -> Result<()> {
        let below = policy_of(source)?.suspicious_below;
        let mut known = self.catalog.list_backups(Some(&source.id), i64::MAX).await?;
        known.retain(is_measure);
        found.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        // The newest first, as they are compared.
        let mut good: Vec<Extent> = Vec::new();
        for row in found {
            while known.last().is_some_and(|known| known.created < row.created) {
                good.splice(0..0, known.pop().as_ref().map(extent));
            }
            if row.reason.parse::<Reason>()?.is_ordinary() {
                row.suspicion = shrunken(&extent(row), &good, below).unwrap_or_default();
            }
            if is_measure(row) {
                good.insert(0, extent(row));
            }
        }
        Ok(())
    }

    /// That the newest ordinary backup of a source is not good, for whoever looks at the source.
    pub(crate) async fn last_backup_that_is_not_good(&self, source: &str) -> Result<Option<Obstacle>> {
        let (within, which) = (Within::Source(source.to_owned()), newest_that_is_there());
        let after = After::nothing();
        let rows = self.catalog.page_of_backups(&within, &which, &after, 1).await?;
        let newest = rows.into_iter().next();
        let told = newest.and_then(|row| reservation(&row).map(|problem| (row, problem)));
        Ok(told.map(|(row, problem)| Obstacle {
            part: None,
            message: format!("of the last backup, {}: {}", row.id, problem.message()),
            hint: problem.hint_text().unwrap_or_default().to_owned(),
            blocking: false,
        }))
    }

    /// Somebody says that a backup which lacks something, or is suspiciously small, is as it should be.
    pub async fn accept_backup(&self, wanted: &str) -> Result<BackupView> {
        let row = self.backup_row(wanted).await?;
        self.may(Permission::Delete, Some(&row.source)).await?;
        if row.state != "ok" {
            let message = format!("backup {} is {}, which nobody can accept", row.id, row.state);
            return Err(Problem::new(Kind::Conflict, message)
                .hint("`cairn verify` reads it again; a damaged one can be deleted"));
        }
        if !row.is_good() {
            self.catalog.accept_backup(&row.id, self.now_ms()).await?;
            self.audit("backup.accept", &row.source_name, &row.id).await?;
        }
        Ok(BackupView::of(&self.backup_row(&row.id).await?))
    }
}
