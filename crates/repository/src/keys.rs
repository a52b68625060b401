//! Passwords: each has a key file that holds the same master key.
//!
//! Rules: the key in use is never removed, a new one is proven to open before it counts; a file that is not a valid scrypt key
//! file is named, for it locks other programs out.

use model::{Kind, Problem, Result};

use crate::Id;
use crate::format::key_file::{Cost, KeyFile};
use crate::format::seal::Key;
use crate::format::snapshot::time_text;
use crate::lock::{Operation, hostname};
use crate::repository::Repository;
use crate::storage::{Class, Storage};

/// restic looks at no more.
const MOST_KEYS: usize = 20;

pub(crate) fn write(
    storage: &dyn Storage,
    master: &Key,
    password: &str,
    cost: Cost,
    now_ms: i64,
) -> Result<Id> {
    if password.trim() != password || password.is_empty() {
        return Err(Problem::invalid(
            "a repository's password must not be empty, nor begin or end with white space",
        )
        .hint("restic strips white space from passwords that it reads from files"));
    }
    let file = KeyFile::create(master, password, cost, time_text(now_ms), hostname())?;
    if file.open(password)?.as_ref() != Some(master) {
        return Err(Problem::internal(
            "a new key file does not open with its password",
        ));
    }
    let json = file.encode();
    let id = Id::of(&json);
    storage.put(Class::Key, &id, &json)?;
    Ok(id)
}

/// The master key, from whichever key file this password opens.
pub(crate) fn find(storage: &dyn Storage, password: &str) -> Result<Key> {
    let mut broken = None;
    for found in storage.list(Class::Key)? {
        match open(storage, &found.id, password) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => {}
            Err(problem) => broken = Some(problem.context(format!("key file {}", found.id.short()))),
        }
    }
    Err(broken.unwrap_or_else(|| {
        Problem::new(
            Kind::WrongPassword,
            format!(
                "no key of the repository at {} opens with this password",
                storage.location()
            ),
        )
        .hint("check CAIRN_REPOSITORY_PASSWORD, or the password in your recovery kit")
    }))
}

fn open(storage: &dyn Storage, id: &Id, password: &str) -> Result<Option<Key>> {
    KeyFile::decode(&crate::read::whole_file(storage, Class::Key, id)?)?.open(password)
}

impl Repository {
    /// One more password; the name of its key file.
    pub fn add_password(&self, password: &str, cost: Cost) -> Result<Id> {
        let _lock = self.lock(Operation::AddKey)?;
        if self.storage().list(Class::Key)?.len() >= MOST_KEYS {
            return Err(Problem::new(
                Kind::Conflict,
                format!("the repository has {MOST_KEYS} passwords; more would not be found by restic"),
            )
            .hint("remove one first"));
        }
        write(self.storage(), &self.0.key, password, cost, self.now_ms())
    }

    pub fn key_files(&self) -> Result<Vec<Id>> {
        Ok(self
            .storage()
            .list(Class::Key)?
            .iter()
            .map(|found| found.id)
            .collect())
    }

    /// Removes a password; another one must be given that still opens.
    pub fn remove_key_file(&self, id: &Id, remaining_password: &str) -> Result<()> {
        self.check_deletable()?;
        let _lock = self.lock(Operation::RemoveKey)?;
        let others = self.key_files()?.into_iter().filter(|other| other != id);
        for other in others {
            if open(self.storage(), &other, remaining_password)?.as_ref() == Some(&self.0.key) {
                self.storage().delete(Class::Key, id)?;
                return self.storage().settle(Class::Key);
            }
        }
        Err(Problem::new(
            Kind::Refused,
            "this key file is the only one that the given password opens",
        )
        .hint("add another password first"))
    }
}
