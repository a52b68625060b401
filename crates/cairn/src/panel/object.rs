//! The panel's objects. All ten attributes of a backup are always there.

use serde_json::{Value, json};
use service::{Allowance, AskedBackup, AskedPage, SourceView, Stage};

/// Times as the panel writes them: no fraction, `+00:00` and not `Z`.
fn moment(ms: i64) -> String {
    let text = model::moment_text(ms - ms.rem_euclid(1000));
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{whole}+00:00")
}

/// What a panel's client leaves out of one backup, as the settings of a server call it.
pub(super) fn more(ignored: &[String]) -> serde_json::Map<String, Value> {
    let mut more = serde_json::Map::new();
    if !ignored.is_empty() {
        more.insert("ignore".to_owned(), json!(ignored));
    }
    more
}

/// `Backup at 2026-01-01 00:00:00`
pub(super) fn default_name(now_ms: i64) -> String {
    let text = moment(now_ms);
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("Backup at {day} {}", time.trim_end_matches("+00:00"))
}

pub(super) fn backup(backup: &AskedBackup) -> Value {
    let made = backup.made.as_ref();
    json!({"object": "backup", "attributes": {
        "uuid": backup.id,
        "is_successful": backup.stage == Stage::Done,
        "is_locked": backup.locked,
        "name": backup.name,
        "ignored_files": backup.ignore,
        "checksum": backup.tree.as_ref().map(|tree| format!("sha256:{tree}")),
        "bytes": made.map_or(0, |made| made.bytes),
        "created_at": moment(backup.created_ms),
        "completed_at": backup.completed_ms.map(moment),
    }})
}

/// A page of something.
pub(super) struct Page {
    pub(super) number: usize,
    pub(super) size: usize,
    /// The address of the list, without the number of a page: `https://…/api/client?per_page=2&page=`.
    pub(super) address: String,
}

impl Page {
    fn meta(&self, total: u64, count: usize) -> Value {
        let pages = total.div_ceil(self.size as u64).max(1);
        let mut links = serde_json::Map::new();
        let mut link = |name: &str, number: usize| {
            links.insert(name.to_owned(), json!(format!("{}{number}", self.address)));
        };
        if self.number > 1 {
            link("previous", self.number - 1);
        }
        if (self.number as u64) < pages {
            link("next", self.number + 1);
        }
        json!({
            "total": total, "count": count, "per_page": self.size, "current_page": self.number,
            "total_pages": pages, "links": links,
        })
    }

    /// How many stand on the pages before.
    pub(super) fn before(&self) -> u64 {
        (self.number as u64 - 1).saturating_mul(self.size as u64)
    }

    pub(super) fn of<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let begin = usize::try_from(self.before())
            .unwrap_or(usize::MAX)
            .min(all.len());
        &all[begin..all.len().min(begin.saturating_add(self.size))]
    }
}

pub(super) fn backups(shown: &AskedPage, page: &Page) -> Value {
    json!({
        "object": "list",
        "data": shown.items.iter().map(backup).collect::<Vec<_>>(),
        "meta": {"backup_count": shown.counted, "pagination": page.meta(shown.total, shown.items.len())},
    })
}

/// A source without a limit is shown with this one: clients expect a number, and none means none.
const NO_LIMIT: u32 = 9_999;

/// The last eight digits: the first ones are a time and alike.
pub(super) fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

pub(super) fn server(source: &SourceView, allowance: &Allowance, owns: bool) -> Value {
    json!({"object": "server", "attributes": {
        "server_owner": owns,
        "identifier": short(&source.id),
        "internal_id": 0,
        "uuid": source.id,
        "name": source.name,
        "node": "cairn",
        "is_node_under_maintenance": false,
        "sftp_details": {"ip": "", "port": 0},
        "description": "",
        "limits": {"memory": 0, "swap": 0, "disk": 0, "io": 500, "cpu": 0, "threads": null, "oom_disabled": true},
        "invocation": "",
        "docker_image": "",
        "egg_features": [],
        "feature_limits": {"databases": 0, "allocations": 0, "backups": allowance.most.unwrap_or(NO_LIMIT)},
        "status": null,
        "is_suspended": false,
        "is_installing": false,
        "is_transferring": false,
        "relationships": {
            "allocations": {"object": "list", "data": []},
            "variables": {"object": "list", "data": []},
        },
    }})
}

pub(super) fn servers(shown: &[Value], total: u64, page: &Page) -> Value {
    json!({"object": "list", "data": shown, "meta": {"pagination": page.meta(total, shown.len())}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_panel_writes_them() {
        assert_eq!(moment(1_767_323_045_678), "2026-01-02T03:04:05+00:00");
        assert_eq!(default_name(1_767_323_045_678), "Backup at 2026-01-02 03:04:05");
    }

    #[test]
    fn a_page_beyond_the_end_is_empty() {
        let page = numbered(3, 2);
        assert_eq!(page.of(&[1, 2, 3]), Vec::<i32>::new());
        assert_eq!(numbered(2, 2).of(&[1, 2, 3]), [3]);
        assert_eq!(page.meta(3, 0)["total_pages"], 2);
        assert_eq!(numbered(1, 20).meta(0, 0)["links"], json!({}));
    }

    fn numbered(number: usize, size: usize) -> Page {
        Page {
            number,
            size,
            address: "https://p/api/client?page=".to_owned(),
        }
    }

    #[test]
    fn of_several_pages_each_leads_to_its_neighbours() {
        let links = |number| numbered(number, 2).meta(5, 2)["links"].clone();
        let at = |number: usize| format!("https://p/api/client?page={number}");
        assert_eq!(links(1), json!({"next": at(2)}));
        assert_eq!(links(2), json!({"previous": at(1), "next": at(3)}));
        assert_eq!(links(3), json!({"previous": at(2)}));
    }
}
