//! The data directory: where one instance of Cairn keeps what is its own.
//!
//! ```text
//! <data>/format               "1": the version of this layout
//! <data>/catalog.db           the catalog, unless it lies in PostgreSQL
//! <data>/keys/                repository.password; links.key, which signs downloads; catalog.key, which seals secrets
//! <data>/repository/          the repository `main`, unless it lies elsewhere
//! <data>/alive/               a locked file for each process that carries jobs out
//! <data>/outbox/              messages that no server took
//! <data>/uploads/             files that come in from outside, until a job has taken them
//! <data>/reserve              room that is given up when the disk is full, so that something can be deleted
//! <data>/cache/ scratch/      rebuildable; in scratch each running job has a folder
//! ```
//! Invariants: directories are 0700, secrets 0600 and refused when others can read them; a directory of a newer
//! layout, or one that is not Cairn's, is not touched.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use model::{Kind, Problem, Result};
use rustix::fs::{FlockOperation, flock};

use crate::instance::reserve::Reserve;

const LAYOUT: u32 = 1;
/// Folders here that hold nothing but what Cairn puts there.
pub(crate) const OWN_FOLDERS: [&str; 6] = ["alive", "cache", "keys", "outbox", "scratch", "uploads"];

/// An opened data directory.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    root: PathBuf,
}

impl Place {
    /// Opens the directory, or makes it.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let place = Place {
            root: root.to_path_buf(),
        };
        match fs::read_dir(root) {
            Ok(entries) => place.open_existing(entries)?,
            Err(error) if error.kind() == ErrorKind::NotFound => place.create()?,
            Err(error) => return Err(place.problem(error)),
        }
        Ok(place)
    }

    fn open_existing(&self, entries: fs::ReadDir) -> Result<()> {
        match fs::read_to_string(self.root.join("format")) {
            Ok(text) => self.check_layout(&text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if entries.count() > 0 {
                    return Err(Problem::new(
                        Kind::Conflict,
                        format!(
                            "{} is not empty and is not a data directory of Cairn",
                            self.root.display()
                        ),
                    )
                    .hint("choose an empty or a new folder with --data or CAIRN_DATA"));
                }
                self.create()?;
            }
            Err(error) => return Err(self.problem(error)),
        }
        self.check_mode()
    }

    fn check_layout(&self, text: &str) -> Result<()> {
        match text.trim().parse::<u32>() {
            Ok(LAYOUT) => Ok(()),
            Ok(newer) if newer > LAYOUT => Err(Problem::new(
                Kind::TooNew,
                format!(
                    "{} has layout {newer}; this version of Cairn knows {LAYOUT}",
                    self.root.display()
                ),
            )
            .hint("update Cairn, or use another data directory; nothing was changed")),
            _ => Err(
                Problem::damaged(format!("{}/format does not hold a version", self.root.display()))
                    .hint("write a line with 1 into it if this is a data directory of Cairn"),
            ),
        }
    }

    fn check_mode(&self) -> Result<()> {
        let keys = self.root.join("keys");
        for dir in [&self.root, &keys] {
            let mode = match fs::metadata(dir) {
                Ok(meta) => meta.mode() & 0o7777,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(self.problem(error)),
            };
            if mode & 0o077 != 0 {
                return Err(Problem::new(
                    Kind::Refused,
                    format!("{} can be read by others (mode {mode:04o})", dir.display()),
                )
                .hint(format!("chmod 700 {}", dir.display())));
            }
        }
        Ok(())
    }

    fn create(&self) -> Result<()> {
        let problem = |error| self.problem(error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .map_err(problem)?;
        fs::set_permissions(&self.root, fs::Permissions::from_mode(0o700)).map_err(problem)?;
        for dir in ["keys", "cache", "scratch"] {
            private_dir(&self.root.join(dir))?;
        }
        write_private(&self.root.join("format"), format!("{LAYOUT}\n").as_bytes())
    }

    fn problem(&self, error: std::io::Error) -> Problem {
        let problem = Problem::io(
            format!("cannot use the data directory {}", self.root.display()),
            error,
        );
        match problem.hint_text() {
            Some(_) => problem,
            None => problem.hint("choose another one with --data or CAIRN_DATA"),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.root.join("catalog.db")
    }

    pub(crate) fn reserve(&self) -> Reserve {
        Reserve::new(&self.root, "reserve")
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    pub(crate) fn repository_password(&self) -> PathBuf {
        self.root.join("keys/repository.password")
    }

    /// Held while a repository comes to be: of several processes one makes it.
    pub(crate) fn turn_to_make(&self) -> Result<fs::File> {
        let path = private_dir(&self.root.join("keys"))?;
        let what = |error| Problem::io(format!("cannot lock {}", path.display()), error);
        let dir = fs::File::open(&path).map_err(what)?;
        flock(&dir, FlockOperation::LockExclusive).map_err(|errno| what(errno.into()))?;
        Ok(dir)
    }

    /// Keeps a repository's password. One that was kept before may open another repository: it is put aside, never away.
    pub(crate) fn keep_password(&self, password: &str, now_ms: i64) -> Result<()> {
        let path = self.repository_password();
        private_dir(&self.root.join("keys"))?;
        match outbound::read_private(&path)? {
            Some(kept) if kept == password => return Ok(()),
            Some(_) => {
                let aside = self.root.join(format!("keys/repository.password.until-{now_ms}"));
                let what = |error| Problem::io(format!("cannot rename {}", path.display()), error);
                fs::rename(&path, &aside).map_err(what)?;
            }
            None => {}
        }
        write_private(&path, format!("{password}\n").as_bytes())
    }

    pub(crate) fn link_key(&self) -> PathBuf {
        self.root.join("keys/links.key")
    }

    pub(crate) fn catalog_key(&self) -> PathBuf {
        self.root.join("keys/catalog.key")
    }

    pub(crate) fn cache(&self) -> Result<PathBuf> {
        private_dir(&self.root.join("cache"))
    }

    /// A private folder for one job's temporary files; `discard_scratch` removes it.
    pub(crate) fn scratch(&self, job: &str) -> Result<PathBuf> {
        private_dir(&self.root.join("scratch"))?;
        private_dir(&self.root.join("scratch").join(job))
    }

    pub(crate) fn alive(&self) -> PathBuf {
        self.root.join("alive")
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// Where uploads lie; made when it is absent.
    pub(crate) fn uploads(&self) -> Result<PathBuf> {
        private_dir(&self.root.join("uploads"))
    }

    /// What was uploaded for a job.
    pub(crate) fn upload(&self, job: &str) -> PathBuf {
        self.root.join("uploads").join(job)
    }

    pub(crate) fn upload_names(&self) -> Result<Vec<String>> {
        self.names_in("uploads")
    }

    pub(crate) fn discard_upload(&self, name: &str) -> Result<()> {
        let path = self.upload(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Problem::io(format!("cannot remove {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    /// The jobs that have a folder there.
    pub(crate) fn scratch_jobs(&self) -> Result<Vec<String>> {
        self.names_in("scratch")
    }

    fn names_in(&self, dir: &str) -> Result<Vec<String>> {
        let dir = self.root.join(dir);
        let problem = |error| Problem::io(format!("cannot list {}", dir.display()), error);
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(problem)?,
        };
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect::<std::io::Result<_>>().map_err(problem)
    }

    pub(crate) fn discard_scratch(&self, job: &str) -> Result<()> {
        let dir = self.root.join("scratch").join(job);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Problem::io(format!("cannot remove {}", dir.display()), error))
            }
            _ => Ok(()),
        }
    }
}

/// Which parts a data directory should have and has not, with what to do about it; nothing is made. One that was never made lacks nothing.
pub fn missing_parts(root: &Path, is_catalog_elsewhere: bool) -> Vec<Problem> {
    let is_there = |name: &str| root.join(name).exists();
    let is_made = ["format", "keys", "catalog.db"].into_iter().any(is_there);
    let mut missing = Vec::new();
    let mut lacks = |name: &str, hint: &str| {
        if is_made && !is_there(name) {
            let what = format!(
                "a part of the data directory is missing: {}",
                root.join(name).display()
            );
            missing.push(Problem::damaged(what).hint(hint));
        }
    };
    lacks(
        "format",
        "write a line with 1 into it, if the rest is a data directory of Cairn",
    );
    lacks(
        "keys",
        "put it back from a copy. Without one: `cairn recover --repository ADDRESS` with the password of the recovery kit; \
         secrets in settings have to be typed anew then",
    );
    if !is_catalog_elsewhere {
        lacks(
            "catalog.db",
            "put it back from a copy, or find everything again from the repository: cairn recover --repository ADDRESS",
        );
    }
    missing
}

/// Makes a folder that only its owner can enter, if it is not there.
pub(crate) fn private_dir(path: &Path) -> Result<PathBuf> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Problem::io(
            format!("cannot make the folder {}", path.display()),
            error,
        )),
        _ => Ok(path.to_path_buf()),
    }
}

/// Writes a new file that only its owner can read, durably; an existing one is an error.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let what = |error| Problem::io(format!("cannot write {}", path.display()), error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(what)?;
    file.write_all(bytes).map_err(what)?;
    file.sync_all().map_err(what)?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(what)
}
