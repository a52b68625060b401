//! The recovery kit: what a person must keep so that everything comes back without this machine, and without Cairn.
//!
//! Rule: each line can be run as it stands, on a machine that has nothing else. So backups are named by their ids: restic's `latest` is the
//! safety backup after any restore.

use catalog::backups::BackupRow;
use model::{Permission, Reason, Result};
use serde::Serialize;

use crate::Service;

/// Among so many of a source's newest backups there is mostly one that is whole.
const LOOKED_AT: i64 = 50;

/// How a kit's reader finds a backup that is newer than the kit.
pub const NEWER_BACKUPS: &str = "\
For backups that are newer than this sheet: `snapshots` lists them with their
tags. Of those with the same tag source:… take the newest without the tag
reason:safety. Never `latest`: it may be what was there before a restore.";

/// The newest real backup of a source.
struct Kept {
    snapshot: String,
    backup: String,
    /// Where it is put.
    folder: String,
    says: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kit {
    pub repository: String,
    pub password: String,
    /// Commands for stock restic.
    pub restic: Vec<String>,
    /// Commands for Cairn on a new machine.
    pub cairn: Vec<String>,
}

const CONFIRMED: &str = "kit.confirmed";

impl Service {
    pub async fn kit(&self) -> Result<Kit> {
        self.may(Permission::Repository, None).await?;
        self.may(Permission::SeeSecrets, None).await?;
        self.opened().await?;
        let repository = self.repository_address();
        let kept = self.kept().await?;
        let at = quoted(&for_restic(&repository));
        let mut restic = vec![
            format!("restic -r {at} snapshots"),
            format!("restic -r {at} check --read-data"),
        ];
        restic.extend(kept.iter().map(|kept| {
            format!(
                "restic -r {at} restore {} --target {} # {}",
                kept.snapshot,
                quoted(&format!("./restored-by-restic/{}", kept.folder)),
                kept.says
            )
        }));
        let mut cairn = vec![
            format!("cairn recover --repository {}", quoted(&repository)),
            "cairn list".to_owned(),
        ];
        cairn.extend(kept.iter().map(|kept| {
            let folder = quoted(&format!("./restored/{}", kept.folder));
            format!("cairn restore {} --to {folder} # {}", kept.backup, kept.says)
        }));
        let kit = Kit {
            restic,
            cairn,
            password: self.password()?,
            repository,
        };
        self.audit("kit.show", "", "").await?;
        Ok(kit)
    }

    /// The newest real backup of each source: never a safety backup, which is what was there before a restore.
    async fn kept(&self) -> Result<Vec<Kept>> {
        let mut rows = Vec::new();
        for source in self.catalog.sources_with_backups().await? {
            rows.extend(self.newest_to_keep(&source).await?);
        }
        rows.sort_by(|a, b| (&a.source_name, &a.source).cmp(&(&b.source_name, &b.source)));
        let mut kept: Vec<Kept> = Vec::new();
        for row in rows {
            let mut folder = plain(&row.source_name);
            if kept.iter().any(|other| other.folder == folder) {
                folder.push_str(&format!("-{}", row.source));
            }
            kept.push(Kept {
                says: format!("{}, {}", row.source_name, model::moment_text(row.created)),
                snapshot: row.snapshot,
                backup: row.id,
                folder,
            });
        }
        Ok(kept)
    }

    async fn newest_to_keep(&self, source: &str) -> Result<Option<BackupRow>> {
        let mut most = LOOKED_AT;
        loop {
            let rows = self.catalog.list_backups(Some(source), most).await?;
            let is_all = (rows.len() as i64) < most;
            let is_real = |row: &BackupRow| row.state == "ok" && row.reason != Reason::Safety.word();
            if let Some(row) = rows.into_iter().find(is_real) {
                return Ok(Some(row));
            }
            if is_all {
                return Ok(None);
            }
            most = i64::MAX;
        }
    }

    /// Does this password, typed from the kit, open the repository?
    pub async fn check_kit(&self, password: &str) -> Result<()> {
        self.may(Permission::Repository, None).await?;
        self.opens_with(password.trim()).await?;
        self.catalog
            .set_setting(CONFIRMED, &self.now_ms().to_string())
            .await?;
        self.audit("kit.check", "", "").await
    }

    /// Has anybody ever shown that his kit opens the repository?
    pub async fn is_kit_confirmed(&self) -> Result<bool> {
        self.may(Permission::Repository, None).await?;
        Ok(self.catalog.setting(CONFIRMED).await?.is_some())
    }
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The end of a path that nobody has to quote.
fn plain(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    name.chars().map(letter).collect()
}

/// A bucket's address as restic reads it.
fn for_restic(address: &str) -> String {
    match address.strip_prefix("s3://") {
        Some(rest) => format!("s3:s3.amazonaws.com/{rest}"),
        None => address.to_owned(),
    }
}
