//! Signed links: who has one may download one backup in one format, until it expires.
//!
//! A link is opaque: what it allows and until when, with HMAC-SHA256 under a key that lies in the data directory. It can be used again
//! until it expires; nothing is stored for it. Making one is audited; the text of a link stands in no log.

use std::io::Write;

use archive::Format;
use catalog::backups::BackupRow;
use hmac::{Hmac, KeyInit, Mac};
use model::{Cancel, Kind, Permission, Problem, Progress, Result};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::Service;
use crate::backups::export::{ExportDone, ExportRequest, archive_name};
use crate::backups::view::BackupView;
use crate::instance::write_private;

/// How long a link can be used.
pub const LINK_MS: i64 = 15 * 60_000;

/// What a link leads to.
#[derive(Clone, Debug)]
pub struct Linked {
    pub backup: BackupView,
    pub format: Format,
    row: BackupRow,
}

impl Linked {
    /// What the file is called that somebody downloads.
    pub fn file_name(&self) -> String {
        archive_name(&self.backup, self.format)
    }
}

fn invalid() -> Problem {
    Problem::new(Kind::NotFound, "this link is not valid, or no longer")
        .hint("ask for a new one; a link can be used for 15 minutes")
}

impl Service {
    fn link_key(&self) -> Result<Vec<u8>> {
        let path = self.place.link_key();
        if let Some(key) = outbound::read_private(&path)? {
            return hex::decode(key).map_err(|_| Problem::damaged("the key that signs links is malformed"));
        }
        let mut key = [0; 32];
        self.options.random.fill(&mut key)?;
        match write_private(&path, hex::encode(key).as_bytes()) {
            // Another process made one at the same moment.
            Err(_) if path.exists() => self.link_key(),
            other => other.map(|()| key.to_vec()),
        }
    }

    fn sign(&self, text: &str) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.link_key()?)
            .map_err(|_| Problem::internal("a key of HMAC may have any length"))?;
        mac.update(text.as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }

    /// The last part of a link's address.
    pub async fn make_link(&self, backup: &str, format: Format) -> Result<String> {
        let row = self.backup_row(backup).await?;
        self.may(Permission::Download, Some(&row.source)).await?;
        let expires = self.now_ms() + LINK_MS;
        let text = format!("{}.{}.{expires}", row.id, format.word().replace('.', "-"));
        let signature = self.sign(&text)?;
        self.audit("backup.link", &row.source_name, &row.id).await?;
        Ok(format!("{text}.{signature}"))
    }

    /// What a link leads to now.
    pub async fn follow_link(&self, link: &str) -> Result<Linked> {
        let (text, signature) = link.rsplit_once('.').ok_or_else(invalid)?;
        let expected = self.sign(text)?;
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(invalid());
        }
        let mut parts = text.split('.');
        let (Some(backup), Some(format), Some(expires)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(invalid());
        };
        let expires: i64 = expires.parse().map_err(|_| invalid())?;
        if self.now_ms() >= expires {
            return Err(invalid());
        }
        let row = self.catalog.backup(backup).await?;
        let row = row.filter(|row| row.state == "ok").ok_or_else(invalid)?;
        Ok(Linked {
            backup: BackupView::of(&row),
            format: format.replace('-', ".").parse()?,
            row,
        })
    }

    /// Writes what a link leads to. Who has the link need not be known: it was made for somebody who was allowed.
    pub async fn download(
        &self,
        linked: Linked,
        out: Box<dyn Write + Send>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<ExportDone> {
        let request = ExportRequest {
            backup: linked.row.id.clone(),
            format: linked.format,
            passphrase: None,
        };
        self.export_row(linked.row, request, out, progress, cancel).await
    }
}
