//! What somebody found damaged, remembered in the repository itself, so that nobody counts on it any more.
//!
//! Nouns: a *place* is a blob in a pack, or a whole pack. A *note* is a sealed file in `damaged/` that names places which did not hold what they
//! should when they were read; stock restic does not know that folder and lets it be.
//!
//! Rules: a note is about places and not about blobs: a good copy elsewhere is used, and a blob whose every place is noted is stored again by
//! the next backup that still has its content. So a note that is too cautious costs one copy, and one that is lost costs nothing but a
//! second look. Notes go with the index entries that they are about: by a repair, or by a prune that drops the pack.
//! They lie in the repository and not beside it because any machine may write the next backup. Stock restic does not read them: for
//! it, a repair takes the places out of the index.

use std::collections::HashSet;

use model::{Kind, Problem, Result};
use serde::{Deserialize, Serialize};

use crate::Id;
use crate::format::index_file::PackContents;
use crate::format::pack::BlobKind;
use crate::format::unpacked;
use crate::index::{Index, Location};
use crate::read::whole_file;
use crate::repository::Repository;
use crate::storage::Class;

/// Damaged places, and the notes that name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    packs: HashSet<Id>,
    /// (pack, blob)
    blobs: HashSet<(Id, Id)>,
    notes: HashSet<Id>,
}

/// What a note holds.
#[derive(Default, Serialize, Deserialize)]
struct Note {
    #[serde(default)]
    packs: Vec<Id>,
    #[serde(default)]
    blobs: Vec<(Id, Id)>,
}

/// Is it the stored bytes that are to blame, and not the way to them?
pub(crate) fn is_damage(problem: &Problem) -> bool {
    matches!(problem.kind(), Kind::Damaged | Kind::NotFound | Kind::Io)
}

impl Damage {
    pub(crate) fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.blobs.is_empty()
    }

    /// Every place of these blobs.
    pub(crate) fn of_blobs<'a>(lost: impl IntoIterator<Item = &'a (BlobKind, Id)>, index: &Index) -> Self {
        let places = lost.into_iter().flat_map(|(kind, id)| index.find_all(*kind, id));
        Damage {
            blobs: places.map(|place| (place.pack, place.entry.id)).collect(),
            ..Damage::default()
        }
    }

    pub(crate) fn has(&self, place: &Location) -> bool {
        self.has_blob(&place.pack, &place.entry.id)
    }

    pub(crate) fn has_blob(&self, pack: &Id, blob: &Id) -> bool {
        !self.is_empty() && (self.packs.contains(pack) || self.blobs.contains(&(*pack, *blob)))
    }

    /// Is anything of this pack damaged?
    pub(crate) fn touches(&self, pack: &PackContents) -> bool {
        pack.blobs.iter().any(|entry| self.has_blob(&pack.id, &entry.id))
    }

    pub(crate) fn add_pack(&mut self, pack: Id) {
        self.packs.insert(pack);
    }

    pub(crate) fn add_blob(&mut self, pack: Id, blob: Id) {
        self.blobs.insert((pack, blob));
    }

    pub(crate) fn add(&mut self, other: Damage) {
        self.packs.extend(other.packs);
        self.blobs.extend(other.blobs);
        self.notes.extend(other.notes);
    }
}

impl Repository {
    /// All that was noted. A note that cannot be read is none.
    pub(crate) fn noted_damage(&self) -> Result<Damage> {
        let mut damage = Damage::default();
        for found in self.storage().list(Class::Damage)? {
            match self.read_note(&found.id) {
                Ok(note) => {
                    damage.packs.extend(note.packs);
                    damage.blobs.extend(note.blobs);
                }
                Err(problem) if problem.kind() == Kind::Unavailable => return Err(problem),
                Err(_) => {}
            }
            damage.notes.insert(found.id);
        }
        Ok(damage)
    }

    fn read_note(&self, id: &Id) -> Result<Note> {
        let sealed = whole_file(self.storage(), Class::Damage, id)?;
        let json = unpacked::decode(&self.0.key, &sealed, unpacked::LARGE)?;
        serde_json::from_slice(&json)
            .map_err(|error| Problem::damaged("a note about damage is malformed").caused_by(error))
    }

    /// Were no notes written since?
    pub(crate) fn knows_all_damage(&self, known: &Damage) -> Result<bool> {
        let listed = self.storage().list(Class::Damage)?;
        Ok(listed.len() == known.notes.len() && listed.iter().all(|found| known.notes.contains(&found.id)))
    }

    /// Remembers, durably and for everybody, what was found. Where nothing is ever written, nobody needs it.
    pub(crate) fn note_damage(&self, found: &Damage) -> Result<()> {
        if found.is_empty() || self.check_writable().is_err() {
            return Ok(());
        }
        self.write_note(found, &self.noted_damage()?)
    }

    /// The same for single finds on the way, which must not become notes without number.
    pub(crate) fn note_a_little(&self, found: &Damage) -> Result<()> {
        const ENOUGH: usize = 50;
        if self.storage().list(Class::Damage)?.len() >= ENOUGH {
            return Ok(());
        }
        self.note_damage(found)
    }

    /// The same after every byte was read: what was noted before, and is right now, is damaged no more.
    pub(crate) fn note_all_damage(&self, found: &Damage, noted: &Damage) -> Result<()> {
        let is_still_so = noted.packs.is_subset(&found.packs) && noted.blobs.is_subset(&found.blobs);
        if is_still_so || self.check_writable().is_err() {
            return self.note_damage(found);
        }
        if !found.is_empty() {
            self.write_note(found, &Damage::default())?;
        }
        self.delete_notes(noted)
    }

    fn write_note(&self, found: &Damage, known: &Damage) -> Result<()> {
        let mut packs: Vec<Id> = found.packs.difference(&known.packs).copied().collect();
        let mut blobs: Vec<(Id, Id)> = found.blobs.difference(&known.blobs).copied().collect();
        if packs.is_empty() && blobs.is_empty() {
            return Ok(());
        }
        packs.sort_unstable();
        blobs.sort_unstable();
        let json = serde_json::to_vec(&Note { packs, blobs })
            .map_err(|error| Problem::internal(format!("a note about damage cannot be written: {error}")))?;
        self.put_sealed(Class::Damage, &json).map(|_| ())
    }

    /// Removes the notes that are about nothing in this index any more. Under an exclusive lock.
    pub(crate) fn forget_notes(&self, packs: &[PackContents]) -> Result<()> {
        let damage = self.noted_damage()?;
        if damage.notes.is_empty() || packs.iter().any(|pack| damage.touches(pack)) {
            return Ok(());
        }
        self.delete_notes(&damage)
    }

    /// Removes all notes: every place that they name was looked at anew. Under an exclusive lock.
    pub(crate) fn forget_all_notes(&self) -> Result<()> {
        self.delete_notes(&self.noted_damage()?)
    }

    fn delete_notes(&self, damage: &Damage) -> Result<()> {
        if damage.notes.is_empty() {
            return Ok(());
        }
        for note in &damage.notes {
            self.storage().delete(Class::Damage, note)?;
        }
        self.storage().settle(Class::Damage)
    }
}
