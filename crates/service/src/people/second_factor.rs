//! The second factor: codes of an authenticator.
//!
//! Rules: a new secret is shown once and asked for only after a code of it was typed; in the catalog it is sealed. A code is taken once. Who
//! changes his second factor types his password again; who lost it asks an administrator.

use catalog::people::PersonRow;
use model::{Kind, Permission, Problem, Result};
use serde::Serialize;

use crate::Service;
use crate::access::Tried;
use crate::people::totp::{SECRET, address, base32, step_of};

/// What an authenticator has to be told.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TotpSecret {
    /// To be typed.
    pub secret: String,
    /// To be shown as a picture.
    pub url: String,
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

fn place(person: &str) -> String {
    format!("people/{person}/totp")
}

impl Service {
    fn open_totp(&self, person: &PersonRow, sealed: &str) -> Result<Vec<u8>> {
        let opened = self.sealer()?.open(sealed, &place(&person.id))?;
        hex::decode(opened.as_bytes()).map_err(|_| Problem::damaged("a sealed secret is malformed"))
    }

    /// Is it a code of the authenticator that was not used yet?
    pub(crate) async fn takes_code(&self, person: &PersonRow, code: &str) -> Result<bool> {
        let Some(sealed) = &person.totp else {
            return Ok(false);
        };
        let secret = self.open_totp(person, sealed)?;
        match step_of(&secret, code, self.now_ms()) {
            Some(step) => self.catalog.use_totp_step(&person.id, step).await,
            None => Ok(false),
        }
    }

    /// Begins to set up one's own second factor; nothing is asked for before it is confirmed.
    pub async fn begin_totp(&self, password: &str) -> Result<TotpSecret> {
        let person = self.own_account().await?;
        self.prove(&person, password).await?;
        if person.totp.is_some() {
            return Err(Problem::new(Kind::Conflict, "there is a second factor already")
                .hint("take it away first, then set up the new one"));
        }
        let mut secret = [0; SECRET];
        self.options.random.fill(&mut secret)?;
        let sealed = self
            .sealer()?
            .seal(&hex::encode(secret), &place(&person.id), &self.options.random)?;
        self.catalog
            .set_totp(&person.id, None, Some(&sealed), None)
            .await?;
        Ok(TotpSecret {
            secret: base32(&secret),
            url: address("Cairn", &person.name, &secret),
        })
    }

    /// From now on a code is asked for.
    pub async fn confirm_totp(&self, code: &str) -> Result<()> {
        let person = self.own_account().await?;
        let Some(sealed) = &person.totp_pending else {
            return Err(Problem::new(Kind::Conflict, "no second factor is being set up")
                .hint("begin with the secret"));
        };
        let secret = self.open_totp(&person, sealed)?;
        let attempt = self.reserve_attempt(&[Tried::proof(&person.id)]).await?;
        let Some(step) = step_of(&secret, code, self.now_ms()) else {
            return Err(Problem::invalid("the code is wrong")
                .hint("type the one that is shown now; check the clocks of both machines"));
        };
        self.succeeded(attempt).await?;
        self.catalog
            .set_totp(&person.id, Some(sealed), None, Some(step))
            .await?;
        self.audit("person.totp", &person.name, "on").await
    }

    /// Takes one's own second factor away.
    pub async fn drop_totp(&self, password: &str) -> Result<()> {
        let person = self.own_account().await?;
        self.prove(&person, password).await?;
        self.without_totp(&person).await
    }

    /// For somebody who lost it.
    pub async fn reset_totp(&self, wanted: &str) -> Result<()> {
        self.may(Permission::People, None).await?;
        let person = self.person_row(wanted).await?;
        self.may_touch(&person).await?;
        self.without_totp(&person).await
    }

    async fn without_totp(&self, person: &PersonRow) -> Result<()> {
        self.catalog.set_totp(&person.id, None, None, None).await?;
        self.audit("person.totp", &person.name, "off").await
    }
}
