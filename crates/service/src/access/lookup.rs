//! What is meant by what somebody wrote: which source, which backup, which job.
//!
//! Rules: the exact id wins, then the name, then the beginning of the id; each is one look into an index, however much there is. What fits
//! several things is refused with their list. What somebody is not told of he finds by no name; that he asked for it is written down.

use catalog::backup_pages::Which;
use catalog::backups::BackupRow;
use catalog::jobs::JobRow;
use catalog::paging::{After, Among};
use catalog::sources::SourceRow;
use model::{COUNTED, Candidate, Kind, Permission, Problem, Relation, Result, prefix_range, resolve};

use crate::Service;
use crate::access::visibility::Sight;

/// More candidates make no better message.
const MOST: i64 = COUNTED as i64 + 1;
/// Among so many names one is looked for that may have been meant.
const NAMES: i64 = 500;

/// Nothing at all, the one that is meant, or that several are.
type Found<T> = Option<Result<T>>;

impl Service {
    /// By id, name, or the beginning of an id.
    pub(crate) async fn source_row(&self, wanted: &str) -> Result<SourceRow> {
        let sight = self.sight().await?;
        let found = match self.find_source(wanted, sight.known()).await? {
            Some(found) => found,
            None => Err(self.no_such_source(wanted, sight.known()).await?),
        };
        if let (Err(_), Some(unknown)) = (&found, sight.unknown())
            && let Some(Ok(hidden)) = self.find_source(wanted, unknown).await?
        {
            self.note_refusal(Permission::See, &hidden.id).await;
        }
        found
    }

    async fn find_source(&self, wanted: &str, among: Among<'_>) -> Result<Found<SourceRow>> {
        let exact = match self.catalog.source(wanted).await? {
            Some(row) => Some(row),
            None => self.catalog.source_named(wanted).await?,
        };
        if let Some(row) = exact
            && self.is_among(&row.id, among).await?
        {
            return Ok(Some(Ok(row)));
        }
        let Some(range) = range(wanted) else {
            return Ok(None);
        };
        let rows = self.catalog.sources_between(&range, among, MOST).await?;
        Ok(pick("source", wanted, rows, |row| Candidate {
            id: &row.id,
            name: &row.name,
        }))
    }

    /// With a name that may have been meant.
    async fn no_such_source(&self, wanted: &str, among: Among<'_>) -> Result<Problem> {
        let names = self.catalog.names_of_sources(among, NAMES).await?;
        let candidates: Vec<Candidate<'_>> = names.iter().map(|(id, name)| Candidate { id, name }).collect();
        let problem = resolve("source", wanted, &candidates).err();
        Ok(
            problem
                .unwrap_or_else(|| Problem::not_found(format!("there was no source “{wanted}” until now"))),
        )
    }

    /// By id, the name of a source (its newest), `latest`, name, or the beginning of an id.
    pub(crate) async fn backup_row(&self, wanted: &str) -> Result<BackupRow> {
        match self.seen_backup_row(wanted).await {
            // No backup is to be had while the repository is away, and all of them once it is back.
            Err(problem) if problem.kind() == Kind::NotFound && self.is_gone().await? => {
                self.opened().await?;
                self.seen_backup_row(wanted).await
            }
            other => other,
        }
    }

    async fn seen_backup_row(&self, wanted: &str) -> Result<BackupRow> {
        let sight = self.sight().await?;
        if wanted == "latest" {
            let newest = self.newest_backups_of(&sight, true, 1).await?.pop();
            return newest.ok_or_else(|| no_such_backup(wanted));
        }
        let found = match self.find_backup(wanted, sight.known()).await? {
            Some(found) => found,
            None => self.no_such_backup(wanted, &sight).await,
        };
        if let (Err(_), Some(unknown)) = (&found, sight.unknown())
            && let Some(Ok(hidden)) = self.find_backup(wanted, unknown).await?
        {
            self.note_refusal(Permission::See, &hidden.source).await;
        }
        found
    }

    async fn find_backup(&self, wanted: &str, among: Among<'_>) -> Result<Found<BackupRow>> {
        let exact = self
            .catalog
            .backup(wanted)
            .await?
            .filter(|row| row.state != "missing");
        if let Some(row) = exact
            && self.is_among(&row.source, among).await?
        {
            return Ok(Some(Ok(row)));
        }
        if let Some(row) = self.catalog.newest_backup_of(wanted, among).await? {
            return Ok(Some(Ok(row)));
        }
        let mut rows = self.catalog.backups_named(wanted, among, MOST).await?;
        if let (true, Some(range)) = (rows.is_empty(), range(wanted)) {
            rows = self.catalog.backups_between(&range, among, MOST).await?;
        }
        Ok(pick("backup", wanted, rows, backup_candidate))
    }

    /// With a name that may have been meant.
    async fn no_such_backup(&self, wanted: &str, sight: &Sight) -> Result<BackupRow> {
        let rows = self.newest_backups_of(sight, false, NAMES).await?;
        pick("backup", wanted, rows, backup_candidate).unwrap_or_else(|| Err(no_such_backup(wanted)))
    }

    /// The newest backups that are there and that somebody is told of.
    async fn newest_backups_of(&self, sight: &Sight, ordinary: bool, most: i64) -> Result<Vec<BackupRow>> {
        let which = Which {
            there: true,
            ordinary,
            ..Which::default()
        };
        self.catalog
            .page_of_backups(&sight.knows(), &which, &After::nothing(), most)
            .await
    }

    /// By id, or the beginning of one.
    pub(crate) async fn job_row(&self, wanted: &str) -> Result<JobRow> {
        let sight = self.sight().await?;
        let found = match self.find_job(wanted, sight.known()).await? {
            Some(found) => found,
            None => Err(Problem::not_found(format!("there is no job “{wanted}”"))),
        };
        if let (Err(_), Some(unknown)) = (&found, sight.unknown())
            && let Some(Ok(hidden)) = self.find_job(wanted, unknown).await?
        {
            let source = hidden.source.unwrap_or_default();
            self.note_refusal(Permission::See, &source).await;
        }
        found.map_err(|problem| problem.hint("`cairn jobs` lists them"))
    }

    async fn find_job(&self, wanted: &str, among: Among<'_>) -> Result<Found<JobRow>> {
        if let Some(row) = self.catalog.job(wanted).await? {
            let source = row.source.as_deref().unwrap_or_default();
            if self.is_among(source, among).await? {
                return Ok(Some(Ok(row)));
            }
        }
        let Some(range) = range(wanted) else {
            return Ok(None);
        };
        let rows = self.catalog.jobs_between(&range, among, MOST).await?;
        Ok(pick("job", wanted, rows, |row| Candidate {
            id: &row.id,
            name: "",
        }))
    }

    async fn is_among(&self, source: &str, among: Among<'_>) -> Result<bool> {
        match among {
            Among::All => Ok(true),
            Among::Known(person) => Ok(self.relation(person, Some(source)).await? != Relation::None),
            Among::Unknown(person) => Ok(self.relation(person, Some(source)).await? == Relation::None),
        }
    }
}

pub(crate) fn no_such_backup(wanted: &str) -> Problem {
    Problem::not_found(format!("there is no backup “{wanted}”")).hint("`cairn list` shows what there is")
}

/// The ids that begin with this, if it is long enough for a choice.
fn range(wanted: &str) -> Option<(String, String)> {
    let digits = wanted.chars().filter(|c| *c != '-').count();
    prefix_range(wanted).filter(|_| digits >= model::SHORTEST_PREFIX)
}

fn backup_candidate(row: &BackupRow) -> Candidate<'_> {
    Candidate {
        id: &row.id,
        name: &row.name,
    }
}

fn pick<T>(what: &str, wanted: &str, mut rows: Vec<T>, candidate: impl Fn(&T) -> Candidate<'_>) -> Found<T> {
    if rows.is_empty() {
        return None;
    }
    let candidates: Vec<Candidate<'_>> = rows.iter().map(candidate).collect();
    let at = resolve(what, wanted, &candidates);
    Some(at.map(|at| rows.swap_remove(at)))
}
