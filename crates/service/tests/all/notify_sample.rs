//! Notices and clients for tests of notifications.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use model::{Clock, LetterId};
use service::notify::{Clients, Names, Notice, Outbox, Severity};

/// 2026-01-02T03:04:05Z
pub(crate) const NOW_MS: i64 = 1_767_323_045_000;

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}

pub(crate) fn id(n: u8) -> LetterId {
    let text = format!("01890a5d-ac96-774b-bcce-b302099a80{n:02x}");
    text.parse().expect("an id")
}

pub(crate) fn notice(severity: Severity) -> Notice {
    Notice {
        id: id(7),
        severity,
        what: "backup".to_owned(),
        source: Some("game".to_owned()),
        backup: None,
        job: Some("job-1".to_owned()),
        when_ms: NOW_MS,
        text: "The disk is full: größer geworden.".to_owned(),
        link: Some("https://cairn.example/jobs/1".to_owned()),
        headline: None,
        asks: None,
    }
}

/// Without a mail server, knowing the name `hook.test`.
pub(crate) fn clients(folder: &Path, hook: &[&str]) -> Clients {
    let addresses: Vec<IpAddr> = hook
        .iter()
        .map(|address| address.parse().expect("an address"))
        .collect();
    Clients {
        clock: Arc::new(Still),
        outbox: Outbox::new(folder.join("outbox")),
        mail: None,
        names: Names::Given(BTreeMap::from([("hook.test".to_owned(), addresses)])),
    }
}
