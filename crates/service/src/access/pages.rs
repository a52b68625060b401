//! Long lists, page by page.
//!
//! Nouns: a [`Page`] holds some items, the newest first; its *cursor* says where the next one begins and is a mere text for whoever carries
//! it. Rules: forward only; what comes or goes meanwhile moves nothing, so that all pages together are the list; a cursor of another list is
//! refused. A list as a whole is one long page: there is one way to read it.

use std::str::FromStr;

use catalog::audit::AuditRow;
use catalog::paging::{After, Within};
use model::{Permission, Problem, Result};
use serde::Serialize;

use crate::Service;

/// A page has at most so many items.
pub const LARGEST_PAGE: u32 = 500;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// With which the next page is asked for; nothing: this is the last one.
    pub next: Option<String>,
}

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
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

    pub(crate) fn read(self, cursor: Option<&str>) -> Result<After> {
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
    pub(crate) fn page<T>(self, mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> After) -> Page<T> {
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
    pub(crate) fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(view).collect(),
            next: self.next,
        }
    }
}

pub(crate) fn check_limit(limit: u32) -> Result<()> {
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "a page has 1 to {LARGEST_PAGE} items, and not {limit}"
    )))
}

/// A word of a closed set, or a problem that names the known ones.
pub(crate) fn word<T: FromStr<Err = Problem>>(
    text: Option<&str>,
    word: impl Fn(T) -> &'static str,
) -> Result<Option<String>> {
    text.map(|text| text.parse().map(|known| word(known).to_owned()))
        .transpose()
}

/// Several lists as one, the newest first.
pub(crate) fn merge<T>(mut rows: Vec<T>, lists: usize, most: i64, place: impl Fn(&T) -> After) -> Vec<T> {
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
    pub(crate) async fn one_source(&self, wanted: Option<&str>) -> Result<Option<Within>> {
        let Some(wanted) = wanted else { return Ok(None) };
        let source = self.source_row(wanted).await?.id;
        self.may(Permission::See, Some(&source)).await?;
        Ok(Some(Within::Source(source)))
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
