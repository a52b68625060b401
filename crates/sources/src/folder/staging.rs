//! Where a restore prepares what will come.
//!
//! A *staging folder* must lie in the same mount as its target, since only then a rename is one step. Beside the target is best: it is
//! in nobody's way there. Where the target is a mount point of its own, or nothing may be written beside it, it lies directly in the
//! target; walks pass it over, and the target's own time is put back when it goes.
//!
//! Rules: it is made exclusively, for its owner alone, and held open from then on: whoever owns the folder above may rename it or put
//! something in its place, and gains nothing. Found again by a later run, it counts only when it belongs to the user as whom Cairn
//! runs, nobody else may write to it, and it is the one that the journal names; anything else is refused.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{ErrorKind, Result as IoResult};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Kind, Problem, Result, Timestamp};
use rustix::fs::{Access, AtFlags, StatxFlags, Timespec, Timestamps};
use serde_json::{Value, json};

use super::Part;
use super::above::above;
use super::beneath::{Place, Root, identity};

/// Where it is, or will be.
pub(super) struct Staging {
    pub(super) dir: PathBuf,
    pub(super) is_inside: bool,
    /// Nothing when what lies above the target is not there yet.
    place: Option<Place>,
}

/// It is there, and held open.
pub(super) struct Made {
    pub(super) dir: PathBuf,
    place: Place,
    root: Arc<Root>,
    new: Option<Arc<Root>>,
    old: Option<Arc<Root>>,
}

fn problem<'p>(what: &'p str, path: &'p Path) -> impl Fn(std::io::Error) -> Problem + 'p {
    move |error| Problem::io(format!("{what} {}", path.display()), error)
}

/// Nobody else could have put something in it.
fn is_private(root: &Root) -> bool {
    let stat = root.stat();
    stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o022 == 0
}

impl Staging {
    /// The one that an earlier run of the job made, or where one can be made.
    pub(super) fn of(part: &Part, job: &str) -> Result<Self> {
        let parent = part.root.parent().unwrap_or(Path::new("/"));
        let name = part.root.file_name().unwrap_or_default().to_string_lossy();
        let name = format!(".cairn-restore-{job}-{name}");
        let beside = parent.join(&name);
        let find = || {
            let target = match Place::of(&part.root) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            let place = target.beside(OsStr::new(&name))?;
            if place.stat()?.is_some() || target.is_folder()? != Some(true) {
                return Ok(Some((place, false)));
            }
            let root = target.open_root()?;
            let inside = Place::below(&root, Path::new(&format!(".cairn-restore-{job}")))?;
            let is_inside = inside.stat()?.is_some() || !is_good(target.parent(), &root);
            Ok(Some(if is_inside { (inside, true) } else { (place, false) }))
        };
        let found = find().map_err(problem("cannot look for", &beside))?;
        let is_inside = matches!(found, Some((_, true)));
        let inside = part.root.join(format!(".cairn-restore-{job}"));
        Ok(Staging {
            dir: if is_inside { inside } else { beside },
            is_inside,
            place: found.map(|(place, _)| place),
        })
    }

    /// The one that is there. `recorded` is what the journal says of it.
    pub(super) fn open(&self, recorded: Option<&Value>) -> Result<Option<Made>> {
        let Some(place) = &self.place else {
            return Ok(None);
        };
        let looking = problem("cannot look at", &self.dir);
        if place.stat().map_err(&looking)?.is_none() {
            return Ok(None);
        }
        let root = match place.open_root() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Err(self.refused("it is a link, or no folder"));
            }
            other => other.map_err(&looking)?,
        };
        if !is_private(&root) {
            return Err(self.refused("it belongs to another user, or others may write to it"));
        }
        let inode = recorded.and_then(|recorded| recorded["staging"].as_u64());
        if inode.is_some_and(|inode| inode != root.stat().st_ino) {
            return Err(self.refused("it is another folder than the one that was recorded"));
        }
        let place = place.beside_itself().map_err(&looking)?;
        self.made(place, root).map(Some).map_err(&looking)
    }

    fn refused(&self, why: &str) -> Problem {
        Problem::new(
            Kind::Refused,
            format!("{} is not what this restore prepared: {why}", self.dir.display()),
        )
        .hint("nothing in it was used or changed; find out who put it there, move it away, then try again")
    }

    /// Makes it, where nothing must be.
    pub(super) fn make(&self, target: &Path) -> Result<Made> {
        let making = problem("cannot make", &self.dir);
        let name = self.dir.file_name().unwrap_or_default();
        let place = match &self.place {
            Some(place) => place.beside_itself(),
            None => above(target, true).and_then(|target| target.beside(name)),
        };
        let place = place.map_err(&making)?;
        place.make_folder().map_err(&making)?;
        let root = place.open_root().map_err(&making)?;
        // Whoever owns the folder above may have put another one in its place at once.
        if !is_private(&root) {
            return Err(self.refused("it belongs to another user, or others may write to it"));
        }
        for half in ["new", "old"] {
            let half = Place::below(&root, Path::new(half));
            half.and_then(|half| half.make_folder()).map_err(&making)?;
        }
        self.made(place, root).map_err(&making)
    }

    fn made(&self, place: Place, root: Arc<Root>) -> IoResult<Made> {
        let half = |name: &str| match Place::below(&root, Path::new(name))?.open_root() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        };
        Ok(Made {
            dir: self.dir.clone(),
            new: half("new")?,
            old: half("old")?,
            place,
            root,
        })
    }
}

impl Made {
    /// What will come of an item.
    pub(super) fn new_place(&self, number: usize) -> IoResult<Place> {
        place_in(self.new.as_deref(), number)
    }

    /// What was moved away for an item.
    pub(super) fn old_place(&self, number: usize) -> IoResult<Place> {
        place_in(self.old.as_deref(), number)
    }

    pub(super) fn lies_in_new(&self, number: usize) -> bool {
        self.new_place(number).is_ok_and(|place| is_there(&place))
    }

    pub(super) fn lies_in_old(&self, number: usize) -> bool {
        self.old_place(number).is_ok_and(|place| is_there(&place))
    }

    pub(super) fn old(&self) -> Option<&Arc<Root>> {
        self.old.as_ref()
    }

    /// The folder that is written into, by a way that leads to it wherever it was moved.
    pub(super) fn way_in(&self) -> PathBuf {
        let way = self.new.as_deref().map(Root::way);
        way.filter(|way| way.is_dir())
            .unwrap_or_else(|| self.dir.join("new"))
    }

    pub(super) fn inode(&self) -> u64 {
        self.root.stat().st_ino
    }

    pub(super) fn handle(&self) -> IoResult<std::fs::File> {
        Ok(self.root.list()?.into())
    }

    /// Does it hold only what a restore puts there?
    pub(super) fn is_plain(&self) -> IoResult<bool> {
        let names = self.root.names()?;
        Ok(names.iter().all(|name| name == "new" || name == "old"))
    }

    /// Removes it with all that is in it. What somebody put in its place stays.
    pub(super) fn remove(&self) -> Result<()> {
        let removing = problem("cannot remove", &self.dir);
        self.root.empty().map_err(&removing)?;
        let now = self.place.stat().map_err(&removing)?;
        if now.is_some_and(|now| identity(&now) == identity(self.root.stat())) {
            self.place.remove_folder().map_err(&removing)?;
        }
        Ok(())
    }
}

fn place_in(half: Option<&Root>, number: usize) -> IoResult<Place> {
    Place::below(half.ok_or(ErrorKind::NotFound)?, Path::new(&number.to_string()))
}

fn is_there(place: &Place) -> bool {
    matches!(place.stat(), Ok(Some(_)))
}

/// Finds out before anything is touched that something would have to be moved to another file system. `folders` are those in which
/// something will be moved.
pub(super) fn check_mounts(root: &Root, path: &Path, folders: &BTreeSet<&Path>) -> Result<()> {
    let Some(here) = mount_of(root.handle()) else {
        return Ok(());
    };
    let other = folders.iter().find(|folder| {
        let mut above = folder.ancestors();
        let existing = above.find_map(|above| mount_of(root.folder(above).ok()?.as_fd()));
        existing.is_some_and(|mount| mount != here)
    });
    let Some(folder) = other else {
        return Ok(());
    };
    Err(Problem::new(
        Kind::Refused,
        format!(
            "another file system is mounted in {}, at or above “{}”: what the restore would change there cannot be moved in in one step",
            path.display(),
            folder.display()
        ),
    )
    .hint("nothing was changed; unmount it, choose other paths with --path, or give what is mounted there a source of its own"))
}

/// A rename between them is one step, and both folders can be written to.
fn is_good(parent: BorrowedFd<'_>, root: &Root) -> bool {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    mount_of(parent) == mount_of(root.handle())
        && rustix::fs::accessat(parent, ".", access, AtFlags::EACCESS).is_ok()
}

/// What tells mounts apart: their number, also when one file system is mounted twice; the device where the kernel does not tell it.
fn mount_of(folder: BorrowedFd<'_>) -> Option<(u64, u64)> {
    let mask = StatxFlags::MNT_ID | StatxFlags::BASIC_STATS;
    match rustix::fs::statx(folder, "", AtFlags::EMPTY_PATH, mask) {
        Ok(found) if found.stx_mask & StatxFlags::MNT_ID.bits() != 0 => Some((1, found.stx_mnt_id)),
        _ => rustix::fs::fstat(folder).ok().map(|stat| (0, stat.st_dev)),
    }
}

/// When the folder itself was changed, as the journal keeps it.
pub(super) fn time_of(root: Option<&Root>) -> Value {
    root.map_or(Value::Null, |root| {
        kept_time(Timestamp {
            seconds: root.stat().st_mtime,
            nanos: root.stat().st_mtime_nsec as u32,
        })
    })
}

pub(super) fn kept_time(time: Timestamp) -> Value {
    json!({ "seconds": time.seconds, "nanos": time.nanos })
}

/// Puts that time back. Where it cannot be, that is no reason to call a restore failed.
pub(super) fn put_back_time(root: &Root, kept: &Value) {
    let (Some(seconds), Some(nanos)) = (kept["seconds"].as_i64(), kept["nanos"].as_i64()) else {
        return;
    };
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let _ = rustix::fs::utimensat(root.handle(), ".", &times, AtFlags::SYMLINK_NOFOLLOW);
}
