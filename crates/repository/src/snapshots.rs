//! Which snapshots there are.
//!
//! Nouns: an [`Unreadable`] is a snapshot's file that is listed and cannot be read: flipped, cut off, or kept back by the storage.
//!
//! Rules: who reads, lists or counts goes on with the others and is told which ones cannot be read ([`Repository::readable_snapshots`]);
//! who deletes by what the snapshots use must have all of them, and gets all or an error ([`Repository::snapshots`]): what cannot be read
//! still needs its data. A storage that is away is an error for everybody: it is no fault of one file. A file that went between listing
//! and reading was forgotten by somebody, and is not there; under an exclusive lock that cannot be.

use std::collections::HashSet;

use model::{Kind, Problem, Result};

use crate::Id;
use crate::cache::Cache;
use crate::format::snapshot::Snapshot;
use crate::format::unpacked;
use crate::read::cached_file;
use crate::repository::Repository;
use crate::storage::{Class, Stored};

/// A snapshot whose file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub id: Id,
    pub why: String,
}

/// The snapshots of a repository, oldest first, and what could not be read of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshots {
    pub readable: Vec<Snapshot>,
    pub unreadable: Vec<Unreadable>,
    /// Listed, and not there a moment later.
    pub(crate) gone: Vec<Id>,
}

impl Repository {
    /// All snapshots, oldest first; one that cannot be read is an error.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.listed(self.0.cache.as_ref())?.all(self)
    }

    /// All that can be read, and the names of the others.
    pub fn readable_snapshots(&self) -> Result<Snapshots> {
        self.listed(self.0.cache.as_ref())
    }

    /// The same, each as it is in the storage.
    pub(crate) fn stored_snapshots(&self) -> Result<Snapshots> {
        self.listed(None)
    }

    fn listed(&self, cache: Option<&Cache>) -> Result<Snapshots> {
        let names = self.storage().list(Class::Snapshot)?;
        if let Some(cache) = cache {
            let known: HashSet<Id> = names.iter().map(|found| found.id).collect();
            cache.keep_only(Class::Snapshot, |id| known.contains(id));
        }
        self.read_snapshots(&names, cache)
    }

    fn read_snapshots(&self, names: &[Stored], cache: Option<&Cache>) -> Result<Snapshots> {
        let mut found = Snapshots::default();
        for name in names {
            match self.snapshot_by(&name.id, cache) {
                Ok(snapshot) => found.readable.push(snapshot),
                Err(problem) if problem.kind() == Kind::NotFound => found.gone.push(name.id),
                Err(problem) if is_of_the_file(&problem) => found.unreadable.push(Unreadable {
                    id: name.id,
                    why: problem.message().to_owned(),
                }),
                Err(problem) => return Err(problem),
            }
        }
        found
            .readable
            .sort_by_cached_key(|snapshot| (snapshot.time_ms().unwrap_or(0), snapshot.id));
        found.unreadable.sort_by_key(|unreadable| unreadable.id);
        Ok(found)
    }

    /// As it is in the storage now.
    pub fn snapshot(&self, id: &Id) -> Result<Snapshot> {
        self.snapshot_by(id, None)
    }

    /// From the cache only for who has just seen it listed.
    fn snapshot_by(&self, id: &Id, cache: Option<&Cache>) -> Result<Snapshot> {
        let context = |problem: Problem| {
            let problem = problem.context(format!("snapshot {}", id.short()));
            if problem.kind() == Kind::Damaged {
                problem.hint(self.way_out(id))
            } else {
                problem
            }
        };
        let sealed = cached_file(self.storage(), cache, Class::Snapshot, id).map_err(context)?;
        let json = unpacked::decode(&self.0.key, &sealed, unpacked::SMALL).map_err(context)?;
        Snapshot::decode(*id, &json).map_err(context)
    }

    /// What to do about a snapshot whose file is damaged.
    fn way_out(&self, id: &Id) -> String {
        format!(
            "put snapshots/{id} in {} back from a copy of the repository, or give this backup up: `cairn delete` with its id, \
             or delete that file; all other backups are as they were",
            self.location()
        )
    }

    /// The one snapshot whose id starts with this.
    pub fn find_snapshot(&self, prefix: &str) -> Result<Snapshot> {
        let names = self.storage().list(Class::Snapshot)?;
        let prefix = prefix.to_ascii_lowercase();
        let mut matching = names.iter().filter(|found| found.id.hex().starts_with(&prefix));
        match (matching.next(), matching.next()) {
            (Some(only), None) => self.snapshot_by(&only.id, self.0.cache.as_ref()),
            (None, _) => Err(Problem::not_found(format!(
                "no snapshot's id starts with “{prefix}”"
            ))),
            (Some(_), Some(_)) => Err(Problem::invalid(format!(
                "several snapshots' ids start with “{prefix}”"
            ))
            .hint("give more digits")),
        }
    }
}

impl Snapshots {
    /// Everything, or the problem that stops who needs everything.
    pub(crate) fn all(self, repository: &Repository) -> Result<Vec<Snapshot>> {
        match self.unreadable.first() {
            None => Ok(self.readable),
            Some(first) => Err(Problem::damaged(told(&self.unreadable)).hint(repository.way_out(&first.id))),
        }
    }
}

/// Which files, and why; the first three in full.
fn told(unreadable: &[Unreadable]) -> String {
    const SHOWN: usize = 3;
    let first = unreadable.iter().take(SHOWN);
    let mut text = first.map(|one| one.why.clone()).collect::<Vec<_>>().join("; ");
    if unreadable.len() > SHOWN {
        text.push_str(&format!("; and {} more", unreadable.len() - SHOWN));
    }
    text
}

/// Would another file of the same storage be read?
fn is_of_the_file(problem: &Problem) -> bool {
    matches!(
        problem.kind(),
        Kind::Damaged | Kind::Io | Kind::Refused | Kind::TooNew | Kind::TooLarge
    )
}
