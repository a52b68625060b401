//! Writes single blobs, without a tree: for copying.

use std::sync::Arc;

use model::{Cancel, Progress, Result};

use super::packer;
use super::sealer::Sealer;
use super::shared::Shared;
use crate::Id;
use crate::format::pack::BlobKind;
use crate::format::snapshot::Snapshot;
use crate::lock::Operation;
use crate::repository::Repository;

pub(crate) struct BlobWriter {
    shared: Arc<Shared>,
    sealer: Sealer,
    storers: Vec<std::thread::JoinHandle<()>>,
}

impl BlobWriter {
    pub(crate) fn new(repository: &Repository, cancel: &Cancel) -> Result<Self> {
        let lock = repository.lock(Operation::CopyInto)?;
        let shared = Arc::new(Shared::new(repository, lock, &Progress::new(), cancel)?);
        let storers = packer::spawn_storers(&shared)?;
        Ok(BlobWriter {
            shared,
            sealer: Sealer::new(),
            storers,
        })
    }

    pub(crate) fn has(&self, kind: BlobKind, id: &Id) -> bool {
        self.shared.index.holds(kind, id)
    }

    pub(crate) fn blob(&mut self, kind: BlobKind, plain: &[u8]) -> Result<()> {
        self.shared.check()?;
        self.sealer.blob(&self.shared, kind, plain).map(|_| ())
    }

    /// Commits a snapshot of what was written.
    pub(crate) fn finish(mut self, snapshot: &Snapshot) -> Result<Id> {
        self.shared.send_rest()?;
        self.end();
        self.shared.check()?;
        self.shared.save_index(true)?;
        self.shared.repository.commit(&self.shared.lock, snapshot)
    }

    /// Commits nothing, but what was written is in the index, for whoever needs it next.
    pub(crate) fn give_up(mut self) -> Result<()> {
        self.shared.send_rest()?;
        self.end();
        self.shared.check()?;
        self.shared.save_index(true)
    }

    fn end(&mut self) {
        self.shared.close_packs();
        for storer in self.storers.drain(..) {
            if storer.join().is_err() {
                self.shared.fail(model::Problem::internal(
                    "a thread that stores packs ended unexpectedly",
                ));
            }
        }
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        self.end();
    }
}
