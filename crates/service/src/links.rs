//! Signed links: who has one may download one backup in one format, until it expires.
//!
//! A link is opaque: what it allows and until when, with HMAC-SHA256 under a key that lies in the data directory. It can be used again
//! until it expires; nothing is stored for it. Making one is audited; the text of a link stands in no log.

use hmac::{Hmac, KeyInit, Mac};
use model::{Kind, Problem, Result};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::Service;
use crate::archive::Format;
use crate::place::{read_private, write_private};

const LIFETIME_MS: i64 = 15 * 60_000;

/// What a link allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub backup: String,
    pub format: Format,
    pub expires_ms: i64,
}

fn invalid() -> Problem {
    Problem::new(Kind::NotFound, "this link is not valid, or no longer")
        .hint("ask for a new one; a link can be used for 15 minutes")
}

impl Service {
    fn link_key(&self) -> Result<Vec<u8>> {
        let path = self.place.link_key();
        if let Some(key) = read_private(&path)? {
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
        let expires = self.now_ms() + LIFETIME_MS;
        let text = format!("{}.{}.{expires}", row.id, format.word().replace('.', "-"));
        let signature = self.sign(&text)?;
        self.audit("backup.link", &row.source_name, &row.id).await?;
        Ok(format!("{text}.{signature}"))
    }

    /// What a link allows now.
    pub fn read_link(&self, link: &str) -> Result<Allowed> {
        let (text, signature) = link.rsplit_once('.').ok_or_else(invalid)?;
        let expected = self.sign(text)?;
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(invalid());
        }
        let mut parts = text.split('.');
        let (Some(backup), Some(format), Some(expires)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(invalid());
        };
        let expires_ms: i64 = expires.parse().map_err(|_| invalid())?;
        if self.now_ms() >= expires_ms {
            return Err(invalid());
        }
        Ok(Allowed {
            backup: backup.to_owned(),
            format: format.replace('-', ".").parse()?,
            expires_ms,
        })
    }
}
