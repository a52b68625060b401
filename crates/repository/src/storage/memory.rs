//! A repository in memory, for tests and for trying things out.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Kind, Problem, Result};

use super::{Class, Storage, Stored};
use crate::Id;

type Files = BTreeMap<(Class, Id), Vec<u8>>;

#[derive(Debug, Default)]
pub struct Memory {
    files: Mutex<Files>,
}

impl Memory {
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that is stored.
    pub fn files(&self) -> Files {
        self.lock().clone()
    }

    pub fn with(files: Files) -> Self {
        Memory {
            files: Mutex::new(files),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(class: Class, id: &Id) -> (Class, Id) {
    (
        class,
        if class == Class::Config {
            Id::default()
        } else {
            *id
        },
    )
}

fn missing(class: Class, id: &Id) -> Problem {
    Problem::not_found(format!("{class:?} {} is missing", id.short()))
}

impl Storage for Memory {
    fn location(&self) -> String {
        "memory:".to_owned()
    }

    fn put(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.lock().insert(key(class, id), bytes.to_vec());
        Ok(())
    }

    fn put_new(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        let mut files = self.lock();
        if files.contains_key(&key(class, id)) {
            return Err(Problem::new(Kind::Conflict, format!("{class:?} exists already")));
        }
        files.insert(key(class, id), bytes.to_vec());
        Ok(())
    }

    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>> {
        self.lock()
            .get(&key(class, id))
            .cloned()
            .ok_or_else(|| missing(class, id))
    }

    fn get_range(&self, class: Class, id: &Id, offset: u64, length: usize) -> Result<Vec<u8>> {
        let files = self.lock();
        let bytes = files.get(&key(class, id)).ok_or_else(|| missing(class, id))?;
        let range = (offset as usize)..(offset as usize).saturating_add(length);
        let part = bytes.get(range).ok_or_else(|| {
            Problem::damaged(format!("{class:?} {} is shorter than it must be", id.short()))
        })?;
        Ok(part.to_vec())
    }

    fn list(&self, class: Class) -> Result<Vec<Stored>> {
        let files = self.lock();
        let of_class = files.iter().filter(|((kind, _), _)| *kind == class);
        Ok(of_class
            .map(|((_, id), bytes)| Stored {
                id: *id,
                size: bytes.len() as u64,
                modified_ms: None,
            })
            .collect())
    }

    fn stat(&self, class: Class, id: &Id) -> Result<Option<Stored>> {
        let size = self.lock().get(&key(class, id)).map(|bytes| bytes.len() as u64);
        Ok(size.map(|size| Stored {
            id: *id,
            size,
            modified_ms: None,
        }))
    }

    fn delete(&self, class: Class, id: &Id) -> Result<()> {
        self.lock().remove(&key(class, id));
        Ok(())
    }

    fn settle(&self, _: Class) -> Result<()> {
        Ok(())
    }
}
