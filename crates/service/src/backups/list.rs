//! Long lists, page by page.
//!
//! Nouns: a [`Page`] holds some items, the newest first; its *cursor* says where the next one begins and is a mere text for whoever carries
//! it. Rules: forward only; what comes or goes meanwhile moves nothing, so that all pages together are the list; a cursor of another list is
//! refused. A list as a whole is one long page: there is one way to read it.

use std::str::FromStr;

use catalog::audit::AuditRow;
use catalog::backup_pages::Which;
use catalog::backups::{BackupRow, STANDINGS};
use catalog::job_pages;
use catalog::jobs::JobRow;
use catalog::paging::{After, Within};
use model::{JobKind, JobState, Permission, Problem, Reason, Result};
use serde::Serialize;

use crate::Service;
use crate::backups::view::BackupView;
use crate::jobs::JobView;

/// A page has at most so many items.
pub const LARGEST_PAGE: u32 = 500;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// With which the next page is asked for; nothing: this is the last one.
    pub next: Option<String>,
}

/// Which backups are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupFilter {
    /// Name or id of a source.
    pub source: Option<String>,
    /// A word of `model::Reason`.
    pub reason: Option<String>,
    /// A word of `catalog::backups::STANDINGS`.
    pub state: Option<String>,
}

/// Which jobs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Name or id of a source.
    pub source: Option<String>,
    /// A word of `model::JobKind`.
    pub kind: Option<String>,
    /// A word of `model::JobState`.
    pub state: Option<String>,
}

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Backups,
    Jobs,
    Audit,
}

impl List {
    fn letter(self) -> &'static str {
        match self {
            List::Backups => "b",
            List::Jobs => "j",
            List::Audit => "a",
        }
    }

    fn cursor(self, after: &After) -> String {
        hex::encode(format!("{}:{}:{}", self.letter(), after.created, after.id))
    }

    fn read(self, cursor: Option<&str>) -> Result<After> {
        let Some(cursor) = cursor else {
            return Ok(After::nothing());
        };
        let after = || -> Option<After> {
            let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
            let mut fields = text.splitn(3, ':');
            if fields.next()? != self.letter() {
                return None;
            }
            let created = fields.next()?.parse().ok()?;
            let id = fields.next()?.to_owned();
            let is_id = id.len() <= 64
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            is_id.then_some(After { created, id })
        };
        after().ok_or_else(|| {
            Problem::invalid("the cursor is not one of this list")
                .hint("begin without a cursor, and take `next` of each page as it is")
        })
    }

    /// The page that one row more than wanted was looked up for.
    fn page<T>(self, mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> After) -> Page<T> {
        let is_last = rows.len() <= limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| !is_last);
        Page {
            next: last.map(|row| self.cursor(&place(row))),
            items: rows,
        }
    }
}

impl<T> Page<T> {
    fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(view).collect(),
            next: self.next,
        }
    }
}

fn check_limit(limit: u32) -> Result<()> {
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "a page has 1 to {LARGEST_PAGE} items, and not {limit}"
    )))
}

/// A word of a closed set, or a problem that names the known ones.
fn word<T: FromStr<Err = Problem>>(
    text: Option<&str>,
    word: impl Fn(T) -> &'static str,
) -> Result<Option<String>> {
    text.map(|text| text.parse().map(|known| word(known).to_owned()))
        .transpose()
}

/// Several lists as one, the newest first.
fn merge<T>(mut rows: Vec<T>, lists: usize, most: i64, place: impl Fn(&T) -> After) -> Vec<T> {
    if lists > 1 {
        rows.sort_by_cached_key(|row| {
            let place = place(row);
            std::cmp::Reverse((place.created, place.id))
        });
        rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    rows
}

impl Service {
    /// A page of the backups that somebody sees, the newest first.
    pub async fn backups_page(
        &self,
        filter: &BackupFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<BackupView>> {
        check_limit(limit)?;
        let after = List::Backups.read(cursor)?;
        let rows = self.backups_after(filter, &after, i64::from(limit) + 1).await?;
        let page = List::Backups.page(rows, limit, BackupRow::place);
        Ok(page.map(|row| BackupView::of(&row)))
    }

    pub(crate) async fn backups_after(
        &self,
        filter: &BackupFilter,
        after: &After,
        most: i64,
    ) -> Result<Vec<BackupRow>> {
        if let Some(state) = filter.state.as_deref()
            && !STANDINGS.contains(&state)
        {
            return Err(Problem::invalid(format!("“{state}” is not a state of a backup"))
                .hint(format!("use one of: {}", STANDINGS.join(", "))));
        }
        let within = match self.one_source(filter.source.as_deref()).await? {
            Some(one) => vec![one],
            None => self.reach().await?.sources,
        };
        let which = Which {
            reason: word(filter.reason.as_deref(), Reason::word)?,
            state: filter.state.clone(),
            ..Which::default()
        };
        let mut rows = Vec::new();
        for within in &within {
            rows.extend(self.catalog.page_of_backups(within, &which, after, most).await?);
        }
        Ok(merge(rows, within.len(), most, BackupRow::place))
    }

    async fn one_source(&self, wanted: Option<&str>) -> Result<Option<Within>> {
        let Some(wanted) = wanted else { return Ok(None) };
        let source = self.source_row(wanted).await?.id;
        self.may(Permission::See, Some(&source)).await?;
        Ok(Some(Within::Source(source)))
    }

    /// A page of the jobs that somebody sees, the newest first.
    pub async fn jobs_page(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<JobView>> {
        check_limit(limit)?;
        let after = List::Jobs.read(cursor)?;
        let rows = self.jobs_after(filter, &after, i64::from(limit) + 1).await?;
        let (page, now) = (List::Jobs.page(rows, limit, JobRow::place), self.now_ms());
        Ok(page.map(|row| JobView::of(row, now)))
    }

    pub(crate) async fn jobs_after(
        &self,
        filter: &JobFilter,
        after: &After,
        most: i64,
    ) -> Result<Vec<JobRow>> {
        let within = match self.one_source(filter.source.as_deref()).await? {
            Some(one) => vec![one],
            None => self.reach().await?.of_jobs(),
        };
        self.reap().await?;
        let which = job_pages::Which {
            kind: word(filter.kind.as_deref(), JobKind::word)?,
            state: word(filter.state.as_deref(), JobState::word)?,
        };
        let mut rows = Vec::new();
        for within in &within {
            rows.extend(self.catalog.page_of_jobs(within, &which, after, most).await?);
        }
        Ok(merge(rows, within.len(), most, JobRow::place))
    }

    /// A page of the audit log, the newest entries first.
    pub async fn audit_page(&self, cursor: Option<&str>, limit: u32) -> Result<Page<AuditRow>> {
        self.may(Permission::Audit, None).await?;
        check_limit(limit)?;
        let before = List::Audit.read(cursor)?.created;
        let rows = self.catalog.page_of_audit(before, i64::from(limit) + 1).await?;
        Ok(List::Audit.page(rows, limit, |row| After {
            created: row.seq,
            id: String::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_its_place_and_no_other_text_does() {
        let after = After {
            created: 1_767_323_045_678,
            id: "019b7ca9-8f2e-7bab-abab-abababababab".to_owned(),
        };
        let cursor = List::Backups.cursor(&after);
        assert_eq!(List::Backups.read(Some(&cursor)).ok(), Some(after.clone()));
        assert_eq!(List::Jobs.read(None).ok(), Some(After::nothing()));
        let quoted = hex::encode("b:1:' OR 1 = 1");
        let short = &cursor[..cursor.len() - 1];
        for bad in [
            "",
            "x",
            short,
            &quoted,
            &List::Jobs.cursor(&after),
            &hex::encode("b:1"),
        ] {
            let problem = List::Backups.read(Some(bad)).expect_err(bad);
            assert_eq!(problem.kind(), model::Kind::Invalid, "{bad}");
        }
    }

    #[test]
    fn the_last_page_leads_nowhere() {
        let place = |row: &i64| After {
            created: *row,
            id: String::new(),
        };
        assert_eq!(List::Audit.page(vec![3, 2], 2, place).next, None);
        let page = List::Audit.page(vec![3, 2, 1], 2, place);
        assert_eq!((page.items.len(), page.next), (2, Some(hex::encode("a:2:"))));
    }
}
