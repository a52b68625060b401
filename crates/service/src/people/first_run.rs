//! The first administrator: there is no default password, but a token that is used once.
//!
//! Rules: the set-up token is shown once and kept as a hash; it opens nothing but the way to the first administrator, and nothing at all once
//! there is one.

use model::{Entitlement, Kind, Permission, Problem, Result, Role};

use crate::Service;
use crate::people::accounts::{NewPerson, SET_UP, taken};
use crate::people::sessions::NewSession;
use crate::people::tokens::{hash, secret};

fn is_set_up() -> Problem {
    Problem::new(Kind::Conflict, "there is an administrator already")
        .hint("sign in, or ask him for an account")
}

impl Service {
    /// Is there no administrator yet?
    pub async fn needs_set_up(&self) -> Result<bool> {
        Ok(!self.has_administrator().await?)
    }

    /// A new set-up token, in place of an older one.
    pub async fn set_up_token(&self) -> Result<String> {
        self.may(Permission::People, None).await?;
        if self.has_administrator().await? {
            return Err(is_set_up());
        }
        let token = secret(&self.options.random)?;
        self.catalog.set_setting(SET_UP, &hash(&token)).await?;
        self.audit("set-up.token", "", "").await?;
        Ok(token)
    }

    /// The same when one is wanted and none was made yet: for the first start of a server.
    pub async fn first_set_up_token(&self) -> Result<Option<String>> {
        self.may(Permission::People, None).await?;
        if self.has_administrator().await? || self.catalog.setting(SET_UP).await?.is_some() {
            return Ok(None);
        }
        self.set_up_token().await.map(Some)
    }

    /// Makes the first administrator, and signs him in.
    pub async fn set_up(&self, token: &str, name: &str, password: &str, agent: &str) -> Result<NewSession> {
        if self.has_administrator().await? {
            return Err(is_set_up());
        }
        let wrong = || {
            Problem::new(Kind::Unauthenticated, "the set-up token is not valid")
                .hint("`cairn person setup-token` prints a new one")
        };
        let attempt = self.reserve_from_afar().await?;
        let hash = hash(token.trim());
        if self.catalog.setting(SET_UP).await?.as_ref() != Some(&hash) {
            return Err(wrong());
        }
        self.give_back(attempt).await?;
        let person = NewPerson {
            name: name.to_owned(),
            role: Role::Administrator,
            password: Some(password.to_owned()),
            email: None,
            plan: Entitlement::default(),
        };
        let row = self.person_to_add(&person).await?;
        let added = self.catalog.add_person_by(&row, SET_UP, &hash).await;
        if !added.map_err(taken(name))? {
            return Err(wrong());
        }
        self.audit("person.add", &row.name, "the first administrator")
            .await?;
        self.begin_session(&row, agent).await
    }
}
