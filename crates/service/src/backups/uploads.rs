//! Uploads: a file comes in from outside by pieces, and waits in the data directory until a job takes it.
//!
//! Nouns: an [`Upload`] is on its way; [`Received`] is there as a whole. Both are one private file in `uploads/`, called `<id>.part`; under the
//! id of a job it belongs to that job, which takes it as an archive.
//!
//! Rules: who may not import into the source sends not one byte; a file grows neither beyond the limit nor into the last of the disk; a person
//! has few at once; one that ends early, is no archive or takes more than a day is refused. Invariants: nothing is held in memory; a file that
//! nobody waits for is gone: what is dropped is removed at once, and what a process that died has left, when somebody looks (`sweep`). Who
//! receives a file holds a lock on it.

mod job;
mod sweep;
mod turns;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use archive::look_at;
use catalog::sources::SourceRow;
use model::{Kind, Permission, Problem, Result, Size, UploadId};
use rustix::fs::{FlockOperation, flock};
use tokio::io::AsyncWriteExt;
use turns::Turn;

pub use job::UploadRequest;
pub(crate) use turns::Receiving;

use crate::Service;

/// The limit when nobody sets another one.
pub const USUAL_UPLOAD_LIMIT: u64 = 16 << 30;
/// Stays free on the disk, whatever comes in.
const RESERVE: u64 = 512 << 20;
/// The free space is measured again after so many bytes.
const MEASURED_EVERY: u64 = 64 << 20;
/// Longer nobody waits for the end of a file.
const DAY_MS: i64 = 86_400_000;
const UNFINISHED: &str = ".part";

/// What is known of a file's length before it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Unknown,
    Exactly(u64),
    /// It comes inside of something else.
    AtLeast(u64),
}

/// A file on its way.
#[derive(Debug)]
pub struct Upload {
    service: Service,
    file: tokio::fs::File,
    waiting: Waiting,
    /// Its id: much may change while a file comes.
    source: String,
    exactly: Option<u64>,
    received: u64,
    measured: u64,
    begun: i64,
    turn: Turn,
}

/// A file that is there as a whole, and looks like an archive.
#[derive(Debug)]
pub struct Received {
    /// Keeps its lock until a job has it.
    _file: File,
    waiting: Waiting,
    /// Its id: much may change while a file comes.
    source: String,
    _turn: Turn,
}

/// The file itself; removed when it is dropped.
#[derive(Debug)]
struct Waiting {
    id: String,
    path: PathBuf,
    is_kept: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn too_large(limit: u64) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("the file is larger than the {} that an upload may have", Size(limit)),
    )
    .hint("an administrator can raise the limit: CAIRN_UPLOAD_LIMIT; or import it on the machine itself: cairn import")
}

/// How much may still be written there; an error when `more` bytes are too many.
fn room(dir: &Path, more: u64) -> Result<u64> {
    let stat = rustix::fs::statvfs(dir).map_err(|errno| {
        let what = format!("cannot measure the free space of {}", dir.display());
        Problem::io(what, errno.into())
    })?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    match free.checked_sub(RESERVE) {
        Some(room) if room >= more => Ok(room),
        _ => {
            let (free, reserve, dir) = (Size(free), Size(RESERVE), dir.display());
            let message =
                format!("there is no room for it: {free} are free in {dir}, and {reserve} stay free");
            Err(Problem::new(Kind::NoSpace, message).hint("free some space on that disk, then try again"))
        }
    }
}

fn is_late(begun: i64, now: i64) -> bool {
    now - begun > DAY_MS
}

impl Service {
    /// Begins to receive an archive for a source.
    pub async fn begin_upload(&self, source: &str, length: Length) -> Result<Upload> {
        let source = self.source_row(source).await?;
        self.may(Permission::Import, Some(&source.id)).await?;
        self.check_reach(&source)?;
        let limit = self.options.upload_limit;
        let least = match length {
            Length::Unknown => 0,
            Length::Exactly(bytes) | Length::AtLeast(bytes) => bytes,
        };
        if least > limit {
            return Err(too_large(limit));
        }
        let turn = self.take_upload_turn().await?;
        let dir = self.place.uploads()?;
        room(&dir, least)?;
        let id = UploadId::new(&self.options.clock, &self.options.random)?.to_string();
        let (file, waiting) = make(&dir, id)?;
        Ok(Upload {
            service: self.clone(),
            file: tokio::fs::File::from_std(file),
            waiting,
            source: source.id,
            exactly: match length {
                Length::Exactly(bytes) => Some(bytes),
                _ => None,
            },
            received: 0,
            measured: 0,
            begun: self.now_ms(),
            turn,
        })
    }

    /// A file lies where it was received; only a worker there can take it.
    fn check_reach(&self, source: &SourceRow) -> Result<()> {
        if source.node == self.options.node {
            return Ok(());
        }
        let message = format!(
            "“{}” is reached from the node {}, and this is {}",
            source.name, source.node, self.options.node
        );
        Err(Problem::new(Kind::Conflict, message).hint("upload it there, or import it there: cairn import"))
    }
}

fn make(dir: &Path, id: String) -> Result<(File, Waiting)> {
    let path = dir.join(format!("{id}{UNFINISHED}"));
    let problem = |error| Problem::io(format!("cannot make {}", path.display()), error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(problem)?;
    let waiting = Waiting {
        id,
        path: path.clone(),
        is_kept: false,
    };
    flock(&file, FlockOperation::LockExclusive).map_err(|errno| problem(errno.into()))?;
    if file.metadata().map_err(problem)?.nlink() == 0 {
        return Err(
            Problem::new(Kind::Conflict, "the file was swept away before its first byte").hint("try again"),
        );
    }
    Ok((file, waiting))
}

impl Received {
    /// The source that it is for.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Upload {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let received = self.received + bytes.len() as u64;
        let limit = self.service.options.upload_limit;
        if received > limit {
            return Err(too_large(limit));
        }
        if self.exactly.is_some_and(|exactly| received > exactly) {
            return Err(Problem::invalid("more came than was announced").hint("send it again"));
        }
        if received - self.measured >= MEASURED_EVERY {
            self.measured = received;
            room(&self.service.place.uploads()?, 0)?;
            self.check_time()?;
        }
        self.file
            .write_all(bytes)
            .await
            .map_err(|error| self.trouble(error))?;
        self.received = received;
        Ok(())
    }

    /// The last byte has come.
    pub async fn finish(mut self) -> Result<Received> {
        let received = self.received;
        if received == 0 || self.exactly.is_some_and(|exactly| exactly != received) {
            let message = format!("the upload broke off after {received} bytes");
            return Err(Problem::invalid(message).hint("send it again"));
        }
        self.check_time()?;
        self.file.flush().await.map_err(|error| self.trouble(error))?;
        self.file.sync_all().await.map_err(|error| self.trouble(error))?;
        let mut file = self.file.into_std().await;
        let file = self
            .service
            .blocking(move || look_at(&mut file, "the upload").map(|()| file))
            .await?;
        Ok(Received {
            _file: file,
            waiting: self.waiting,
            source: self.source,
            _turn: self.turn,
        })
    }

    fn check_time(&self) -> Result<()> {
        if is_late(self.begun, self.service.now_ms()) {
            return Err(Problem::new(Kind::TooSlow, "the upload took more than a day")
                .hint("import the file on the machine itself: cairn import"));
        }
        Ok(())
    }

    fn trouble(&self, error: std::io::Error) -> Problem {
        Problem::io(format_args!("writing {}", self.waiting.path.display()), error)
    }
}
