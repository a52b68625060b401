//! The outbox: a folder with one file for each message that no server took.
//!
//! Rules: files are whole or not there, readable for the owner alone, and named by moment and id, so that a message
//! laid in twice is there once. The folder is bounded: when it is full, laying in fails and says so; nothing in it is
//! ever deleted to make room.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use model::{Kind, Problem, Result};

use super::{Letter, Notice};

const MOST: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    folder: PathBuf,
    most: usize,
}

/// A message that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub name: String,
    pub bytes: u64,
}

impl Outbox {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Outbox {
            folder: folder.into(),
            most: MOST,
        }
    }

    /// With room for so many messages.
    #[must_use]
    pub fn with_room_for(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    pub fn put_letter(&self, letter: &Letter) -> Result<()> {
        let name = format!("{:015}-{}.eml", letter.when_ms, letter.id);
        self.put(&name, &letter.formatted()?)
    }

    pub fn put_notice(&self, notice: &Notice) -> Result<()> {
        let name = format!("{:015}-{}.json", notice.when_ms, notice.id);
        let text = serde_json::to_vec_pretty(&notice.to_json()).expect("a JSON value can be written");
        self.put(&name, &text)
    }

    /// What lies there, oldest first.
    pub fn list(&self) -> Result<Vec<Kept>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| self.trouble("listing", error))?,
        };
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.trouble("listing", error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_message(&name) {
                continue;
            }
            let bytes = entry
                .metadata()
                .map_err(|error| self.trouble("listing", error))?
                .len();
            kept.push(Kept { name, bytes });
        }
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(kept)
    }

    /// One message, by the name that `list` gave.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        if !is_message(name) || name.contains(['/', '\0']) {
            return Err(Problem::not_found("there is no such message in the outbox"));
        }
        fs::read(self.folder.join(name)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Problem::not_found("there is no such message in the outbox"),
            _ => self.trouble("reading from", error),
        })
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.make_folder()?;
        let path = self.folder.join(name);
        let there = self.list()?;
        if there.len() >= self.most && !path.exists() {
            return Err(self.full());
        }
        self.write(&path, bytes)
            .map_err(|error| self.trouble("writing to", error))
    }

    fn make_folder(&self) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| self.trouble("making", error))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn full(&self) -> Problem {
        let message = format!(
            "the outbox {} holds {} messages and takes no more",
            self.folder.display(),
            self.most
        );
        Problem::new(Kind::NoSpace, message)
            .hint("configure a mail server, or read and delete the messages that lie there")
    }

    fn trouble(&self, doing: &str, error: std::io::Error) -> Problem {
        Problem::io(
            format_args!("{doing} the outbox {}", self.folder.display()),
            error,
        )
    }
}

fn is_message(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "eml" || extension == "json")
}
