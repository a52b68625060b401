//! The recovery kit: what a person must keep so that everything comes back without this machine, and without Cairn.

use model::{Permission, Result};
use serde::Serialize;

use crate::Service;

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
        let at = quoted(&repository);
        let restic = [
            "snapshots",
            "check --read-data",
            "restore latest --target ./restored",
        ];
        let kit = Kit {
            restic: restic
                .iter()
                .map(|command| format!("restic -r {at} {command}"))
                .collect(),
            cairn: vec![
                format!("cairn recover --repository {at}"),
                "cairn list".to_owned(),
                "cairn restore latest --to ./restored".to_owned(),
            ],
            password: self.password()?,
            repository,
        };
        self.audit("kit.show", "", "").await?;
        Ok(kit)
    }

    /// Does this password, typed from the kit, open the repository?
    pub async fn check_kit(&self, password: &str) -> Result<()> {
        self.may(Permission::Repository, None).await?;
        let address = self.repository_address();
        let password = password.trim().to_owned();
        self.blocking(move || {
            let storage = repository::storage::open(&address)?;
            repository::Repository::open(storage, &password, repository::Options::default()).map(|_| ())
        })
        .await?;
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
