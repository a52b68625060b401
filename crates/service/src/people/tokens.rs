//! Tokens: what programs come in with.
//!
//! Rules: a token is `cairn_` and 43 characters for 32 random bytes; it is shown once and kept as a hash. It never does more than its person
//! may at the moment of use, nor more than its scopes; nobody makes one that does more than what he came in with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalog::tokens::TokenRow;
use model::{Candidate, Kind, Lapse, Permission, Problem, Result, Scope, TokenId, resolve};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Service;
use crate::instance::Caller;

const PREFIX: &str = "cairn_";
const SECRET: usize = 32;
/// When something was last used is noted so often.
pub(crate) const NOTED_MS: i64 = 60_000;

#[derive(Clone, Debug)]
pub struct NewToken {
    /// Nothing: one's own.
    pub person: Option<String>,
    pub name: String,
    /// `restore`, `restore@world`, `*`; nothing: everything the person may.
    pub scopes: Vec<String>,
    pub expires: Option<Lapse>,
}

/// A token that was just made; its secret is nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenMade {
    pub id: String,
    pub token: String,
    pub person: String,
    pub name: String,
    pub scopes: Vec<String>,
    pub expires: Option<String>,
}

impl std::fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenMade({})", self.id)
    }
}

/// A token, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenView {
    pub id: String,
    pub person: String,
    pub name: String,
    pub scopes: Vec<String>,
    pub created: String,
    pub expires: Option<String>,
    pub last_used: Option<String>,
    pub revoked: Option<String>,
    /// Does it open anything now?
    pub active: bool,
}

/// 32 random bytes as 43 characters that no address and no shell changes.
pub(crate) fn secret(random: &dyn model::Random) -> Result<String> {
    let mut bytes = [0; SECRET];
    random.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A random secret needs no slow hash.
pub(crate) fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

fn is_over(row: &TokenRow, now: i64) -> bool {
    row.revoked.is_some() || row.expires.is_some_and(|expires| expires <= now)
}

fn scopes_of(row: &TokenRow) -> Result<Vec<Scope>> {
    serde_json::from_str(&row.scopes).map_err(|error| {
        Problem::damaged(format!("the scopes of token {} are malformed", row.id)).caused_by(error)
    })
}

fn words(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(Scope::to_string).collect()
}

/// Does the first allow nothing that the other one does not?
fn is_within(scope: Scope, other: Scope) -> bool {
    let permission = other.permission.is_none() || other.permission == scope.permission;
    permission && (other.source.is_none() || other.source == scope.source)
}

impl Service {
    pub async fn create_token(&self, new: &NewToken) -> Result<TokenMade> {
        let own = self.caller.person_id().map(|id| id.to_string());
        let wanted = new.person.clone().or(own).ok_or_else(|| {
            Problem::invalid("a token belongs to a person").hint("name one: `cairn token create --person …`")
        })?;
        let person = self.person_for(Permission::Tokens, &wanted).await?;
        let scopes = self.scopes(&new.scopes).await?;
        let name = new.name.trim().to_owned();
        if name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(Problem::invalid(
                "a token's name has at most 100 characters and no control characters",
            ));
        }
        let token = format!("{PREFIX}{}", secret(&self.options.random)?);
        let now = self.now_ms();
        let row = TokenRow {
            id: TokenId::new(&self.options.clock, &self.options.random)?.to_string(),
            person: person.id,
            name,
            hash: hash(&token),
            scopes: serde_json::json!(scopes).to_string(),
            created: now,
            expires: new.expires.map(|lapse| now.saturating_add(lapse.ms())),
            last_used: None,
            revoked: None,
        };
        self.catalog.add_token(&row).await?;
        let detail = format!("{} {}", row.id, words(&scopes).join(" "));
        self.audit("token.create", &person.name, &detail).await?;
        Ok(TokenMade {
            id: row.id,
            token,
            person: person.name,
            name: row.name,
            scopes: words(&scopes),
            expires: row.expires.map(model::moment_text),
        })
    }

    /// Reads scopes, in which a source may be written by its name.
    async fn scopes(&self, texts: &[String]) -> Result<Vec<Scope>> {
        let mut scopes = Vec::new();
        for text in texts {
            let by_id = match text.split_once('@') {
                Some((word, source)) => format!("{word}@{}", self.source_row(source).await?.id),
                None => text.clone(),
            };
            let scope: Scope = by_id.parse()?;
            let is_house = scope
                .permission
                .is_some_and(|permission| !permission.is_about_a_source());
            if is_house && scope.source.is_some() {
                return Err(Problem::invalid(format!("“{text}” is about no single source"))
                    .hint("write it without @"));
            }
            scopes.push(scope);
        }
        if texts.is_empty() {
            scopes = self.caller.scopes().to_vec();
        }
        let mine = self.caller.scopes();
        match scopes
            .iter()
            .find(|scope| !mine.iter().any(|own| is_within(**scope, *own)))
        {
            None => Ok(scopes),
            Some(wider) => Err(Problem::new(
                Kind::Refused,
                format!("“{wider}” is more than the token in use allows itself"),
            )
            .hint("sign in with name and password to make such a token")),
        }
    }

    /// Of one person, or of everybody.
    pub async fn list_tokens(&self, person: Option<&str>) -> Result<Vec<TokenView>> {
        let only = match person {
            Some(wanted) => Some(self.person_for(Permission::Tokens, wanted).await?.id),
            None => {
                self.may(Permission::Tokens, None).await?;
                None
            }
        };
        let people = self.catalog.list_people().await?;
        let name = |id: &str| people.iter().find(|row| row.id == id).map(|row| row.name.clone());
        let now = self.now_ms();
        let mut views = Vec::new();
        for row in self.catalog.list_tokens().await? {
            if only.as_ref().is_some_and(|only| *only != row.person) {
                continue;
            }
            views.push(TokenView {
                person: name(&row.person).unwrap_or_default(),
                scopes: words(&scopes_of(&row)?),
                active: !is_over(&row, now),
                created: model::moment_text(row.created),
                expires: row.expires.map(model::moment_text),
                last_used: row.last_used.map(model::moment_text),
                revoked: row.revoked.map(model::moment_text),
                id: row.id,
                name: row.name,
            });
        }
        Ok(views)
    }

    /// One's own, or with the permission anybody's; by id or name.
    pub async fn revoke_token(&self, wanted: &str) -> Result<()> {
        let mut rows = self.catalog.list_tokens().await?;
        rows.retain(|row| row.revoked.is_none());
        let own = |row: &TokenRow| self.owns_account(&row.person);
        let (mine, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(own);
        let row = match pick(wanted, mine) {
            Ok(row) => row,
            Err(_) => {
                self.may(Permission::Tokens, None).await?;
                pick(wanted, others)?
            }
        };
        self.catalog.revoke_token(&row.id, self.now_ms()).await?;
        self.audit("token.revoke", &row.id, &row.name).await
    }

    /// Who comes in with this token? The caller of the service says by which door, and from where.
    pub async fn authenticate_token(&self, token: &str) -> Result<Caller> {
        let wrong = || {
            Problem::new(Kind::Unauthenticated, "the token is not valid")
                .hint("it may have expired or been revoked; make another one: `cairn token create`")
        };
        if !token.starts_with(PREFIX) {
            return Err(wrong());
        }
        let now = self.now_ms();
        let row = self.catalog.token_of_hash(&hash(token)).await?;
        let row = row.filter(|row| !is_over(row, now)).ok_or_else(wrong)?;
        let person = self.catalog.person(&row.person).await?;
        let person = person.filter(|person| person.disabled == 0).ok_or_else(wrong)?;
        if row
            .last_used
            .is_none_or(|used| now - used >= NOTED_MS || used > now)
        {
            self.catalog.token_used(&row.id, now).await?;
            self.catalog.person_seen(&person.id, now).await?;
        }
        let scopes = scopes_of(&row)?;
        Ok(Caller::person(
            person.id.parse()?,
            &person.name,
            scopes,
            &self.caller,
        ))
    }
}

fn pick(wanted: &str, mut rows: Vec<TokenRow>) -> Result<TokenRow> {
    let candidates: Vec<Candidate<'_>> = rows
        .iter()
        .map(|row| Candidate {
            id: &row.id,
            name: &row.name,
        })
        .collect();
    let at = resolve("token", wanted, &candidates)?;
    Ok(rows.swap_remove(at))
}
