//! Who acts, and by which door he came.
//!
//! A [`Caller`] cannot be made up: it comes from logging in, from a token, from opening the instance, or it is nobody. It says who somebody
//! is, and with which scopes; what he may is asked of the catalog each time (`authorize`).

use std::sync::{Arc, Mutex, PoisonError};

use model::{Permission, PersonId, Scope};

/// By which door somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Cli,
    Api,
    Panel,
    Web,
    Bot,
}

impl Via {
    pub fn word(self) -> &'static str {
        match self {
            Via::Cli => "cli",
            Via::Api => "api",
            Via::Panel => "panel",
            Via::Web => "web",
            Via::Bot => "bot",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Carries out what was asked for.
    House,
    /// Whoever can open the data directory.
    Local,
    Person(PersonId),
    Nobody,
}

/// What was asked of the judge in the course of one request, and granted: to be asked again before its answer is repeated.
#[derive(Clone, Debug, Default)]
pub struct Judged(Arc<Mutex<Vec<String>>>);

impl PartialEq for Judged {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Judged {}

impl Judged {
    fn note(&self, permission: Permission, source: Option<&str>) {
        let text = format!("{permission}@{}", source.unwrap_or_default());
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !noted.contains(&text) {
            noted.push(text);
        }
    }

    /// As it stands in the catalog.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

/// Who acts. It comes from logging in, from a token, or from opening the instance, and cannot be made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub(crate) who: Who,
    name: String,
    scopes: Vec<Scope>,
    session: Option<Box<str>>,
    address: String,
    via: Via,
    /// The Idempotency-Key that his request bears.
    key: Option<Box<str>>,
    judged: Option<Judged>,
}

impl Caller {
    pub(crate) fn local(name: &str) -> Self {
        Caller {
            who: Who::Local,
            name: name.to_owned(),
            scopes: vec![Scope::EVERYTHING],
            session: None,
            address: String::new(),
            via: Via::Cli,
            key: None,
            judged: None,
        }
    }

    pub(crate) fn house(name: &str) -> Self {
        Caller {
            who: Who::House,
            ..Caller::local(name)
        }
    }

    /// Somebody at a door who has not said yet who he is: he may log in, and nothing else.
    pub fn nobody(via: Via, address: &str) -> Self {
        Caller {
            who: Who::Nobody,
            scopes: Vec::new(),
            address: address.to_owned(),
            via,
            ..Caller::local("nobody")
        }
    }

    pub(crate) fn person(id: PersonId, name: &str, scopes: Vec<Scope>, at: &Caller) -> Self {
        Caller {
            who: Who::Person(id),
            name: name.to_owned(),
            scopes,
            session: None,
            address: at.address.clone(),
            via: at.via,
            key: None,
            judged: None,
        }
    }

    /// The same, with a request that bears a key which was claimed by `begin_once`.
    #[must_use]
    pub fn bearing(self, key: &str) -> Self {
        Caller {
            key: Some(key.into()),
            ..self
        }
    }

    /// The same, and what is asked of the judge is noted.
    #[must_use]
    pub fn noting(self, judged: &Judged) -> Self {
        Caller {
            judged: Some(judged.clone()),
            ..self
        }
    }

    /// The same by another door; whoever has a session is at the one for browsers.
    #[must_use]
    pub fn by(self, via: Via) -> Self {
        match self.session {
            Some(_) => self,
            None => Caller { via, ..self },
        }
    }

    pub(crate) fn note(&self, permission: Permission, source: Option<&str>) {
        if let Some(judged) = &self.judged {
            judged.note(permission, source);
        }
    }

    pub(crate) fn judged(&self) -> String {
        self.judged.as_ref().map(Judged::text).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn with_session(self, id: &str) -> Self {
        Caller {
            session: Some(id.into()),
            ..self
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Nobody but a person has one.
    pub fn person_id(&self) -> Option<PersonId> {
        match self.who {
            Who::Person(id) => Some(id),
            _ => None,
        }
    }

    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The id of the session by which he is here.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn via(&self) -> Via {
        self.via
    }

    /// What stands in the audit log, with where it came from.
    pub(crate) fn signed(&self, detail: &str) -> String {
        if self.address.is_empty() {
            return detail.to_owned();
        }
        let from = format!("by {} from {}", self.via.word(), self.address);
        if detail.is_empty() {
            from
        } else {
            format!("{detail} ({from})")
        }
    }
}
