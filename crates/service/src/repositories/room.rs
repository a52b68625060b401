//! Room to delete with: the reserve beside the catalog, and the one beside a repository that lies elsewhere.

use std::path::Path;

use model::Result;
use repository::storage::is_folder;

use crate::Service;
use crate::instance::Reserve;

impl Service {
    fn reserves(&self) -> Vec<Reserve> {
        let own = self.place.reserve();
        let address = self.repository_address();
        let is_apart = is_folder(&address) && !Path::new(&address).starts_with(self.place.root());
        let apart = (is_apart && Path::new(&address).is_dir())
            .then(|| Reserve::new(Path::new(&address), "cairn-reserve"));
        [own].into_iter().chain(apart).collect()
    }

    /// Before something is deleted.
    pub(crate) fn make_room(&self) -> Result<()> {
        self.reserves().iter().try_for_each(Reserve::give_up_if_tight)
    }

    /// Before something is written: is there room to delete with, whatever comes?
    pub(crate) fn check_room(&self) -> Result<()> {
        self.reserves().iter().try_for_each(Reserve::keep)
    }

    /// When something was deleted, or a process ends: what was given up is taken back if it can be.
    pub(crate) fn take_room_back(&self) {
        for reserve in self.reserves() {
            if let Err(problem) = reserve.take_back() {
                tracing::debug!("{problem}");
            }
        }
    }
}
