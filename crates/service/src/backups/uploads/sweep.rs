//! Removes uploads that nobody waits for any more.
//!
//! What is being received is locked; what is older than a day goes all the same, since its receiver refuses it then. What belongs to a job
//! stays while that is to be carried out, and, when it was interrupted, for a day, so that it can be gone on with.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;

use model::{JobId, JobState, Problem, Result, UploadId};
use rustix::fs::{FlockOperation, flock};

use super::{UNFINISHED, is_late};
use crate::Service;

impl Service {
    pub(crate) async fn sweep_uploads(&self) -> Result<()> {
        for name in self.place.upload_names()? {
            if !self.is_upload_wanted(&name).await? {
                self.place.discard_upload(&name)?;
            }
        }
        Ok(())
    }

    async fn is_upload_wanted(&self, name: &str) -> Result<bool> {
        let now = self.now_ms();
        let made = match name.strip_suffix(UNFINISHED) {
            Some(id) => id.parse::<UploadId>().map(|id| id.made_ms()),
            None => name.parse::<JobId>().map(|id| id.made_ms()),
        };
        // What is not called like one of ours is not ours to remove.
        let Ok(made) = made else { return Ok(true) };
        let is_late = is_late(made, now);
        if is_locked(&self.place.upload(name))? {
            return Ok(!is_late);
        }
        let Some(job) = self.catalog.job(name).await? else {
            return Ok(false);
        };
        Ok(match job.state.parse()? {
            JobState::Interrupted => !is_late,
            state => !JobState::is_over(state),
        })
    }
}

/// Does a living process receive it?
fn is_locked(path: &std::path::Path) -> Result<bool> {
    let file: File = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        other => other.map_err(|error| Problem::io(format!("cannot open {}", path.display()), error))?,
    };
    Ok(flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}
