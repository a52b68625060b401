//! How many uploads a person has: those on their way here, and those that wait for their job.
//!
//! A *turn* is taken before the first byte and given back when it is dropped; from then on the file counts by its job, until that is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::{JobState, Kind, Problem, Result};

use crate::Service;

/// At once, for one person.
const MOST: usize = 4;

/// Who is sending how many files to this process.
#[derive(Debug, Default)]
pub(crate) struct Receiving(Mutex<HashMap<String, usize>>);

/// One of a person's few uploads.
#[derive(Debug)]
pub(super) struct Turn {
    service: Service,
    person: String,
}

impl Receiving {
    fn take(&self, person: &str, waiting: usize) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(person.to_owned()).or_default();
        if *count + waiting >= MOST {
            return false;
        }
        *count += 1;
        true
    }

    fn give_back(&self, person: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(person) {
            *count -= 1;
            if *count == 0 {
                open.remove(person);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.service.receiving.give_back(&self.person);
    }
}

impl Service {
    pub(super) async fn take_upload_turn(&self) -> Result<Turn> {
        let person = self.caller.name().to_owned();
        let waiting = self.waiting_uploads(&person).await?;
        if !self.receiving.take(&person, waiting) {
            let message = format!("{person} has {MOST} uploads under way already");
            return Err(
                Problem::new(Kind::TooMany, message).hint("wait for one of them and its job, or cancel it")
            );
        }
        Ok(Turn {
            service: self.clone(),
            person,
        })
    }

    async fn waiting_uploads(&self, person: &str) -> Result<usize> {
        let mut waiting = 0;
        for name in self.place.upload_names()? {
            let job = self.catalog.job(&name).await?;
            let counts = job.is_some_and(|job| {
                let is_open = job.state.parse().is_ok_and(|state: JobState| !state.is_over());
                is_open && job.person.as_deref() == Some(person)
            });
            waiting += usize::from(counts);
        }
        Ok(waiting)
    }
}
