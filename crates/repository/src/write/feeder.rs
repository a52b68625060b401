//! Reads large files and streams and cuts them into blocks of chunks, ahead of the workers.
//!
//! One thread does this: cutting is several times quicker than what the workers do with the chunks, and reading one file after the other
//! is what disks like best.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender};
use model::{Beneath, Content, Timestamp};

use super::assembly::Slot;
use super::far;
use super::shared::{Announced, Shared, lock};
use super::worker::{self, Block, Job};
use crate::Id;
use crate::chunk::{Cutter, MAX_CHUNK};

/// A file for the feeder.
pub(super) struct Large {
    pub(super) slot: Slot,
    pub(super) announced: Announced,
    pub(super) content: Content,
    pub(super) cutter: Cutter,
    pub(super) from_disk: bool,
}

/// A file whose chunks are on their way.
pub(super) struct Streamed {
    pub(super) slot: Slot,
    pub(super) state: Mutex<StreamState>,
}

#[derive(Default)]
pub(super) struct StreamState {
    pub(super) ids: Vec<Id>,
    pub(super) blocks: usize,
    /// Set when the last block was sent: length and times of the file as it was read.
    pub(super) end: Option<End>,
}

/// How the reading of a file ended.
#[derive(Clone)]
pub(super) struct End {
    pub(super) size: u64,
    pub(super) now: Option<Looked>,
    pub(super) failed: bool,
}

/// Size and times of a file at one look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) size: u64,
    pub(super) mtime: Timestamp,
    pub(super) ctime: Timestamp,
    /// Known of a living file only.
    pub(super) living: Option<Living>,
}

/// Which file it is that was read, and whose. Another one may have taken its place since it was listed, and must not be given that
/// one's owner and mode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Living {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) links: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Living {
    fn from(stat: &rustix::fs::Stat) -> Self {
        Living {
            device: stat.st_dev,
            inode: stat.st_ino,
            links: stat.st_nlink,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
        }
    }
}

/// Where a file is that can be opened again.
#[derive(Clone)]
pub(super) enum Place {
    Path(PathBuf),
    Beneath(Arc<dyn Beneath>, PathBuf),
}

impl Place {
    pub(super) fn of(content: &Content) -> Option<Place> {
        match content {
            Content::Path { path, .. } => Some(Place::Path(path.clone())),
            Content::Beneath { root, path, .. } => Some(Place::Beneath(Arc::clone(root), path.clone())),
            _ => None,
        }
    }
}

impl Looked {
    /// Another look at the same file.
    pub(super) fn again(&self, file: &File) -> io::Result<Self> {
        let stat = rustix::fs::fstat(file)?;
        Ok(Looked {
            living: self.living.map(|_| Living::from(&stat)),
            ..Looked::from(&stat)
        })
    }

    fn from(stat: &rustix::fs::Stat) -> Self {
        let time = |seconds, nanos| Timestamp { seconds, nanos };
        Looked {
            size: stat.st_size as u64,
            mtime: time(stat.st_mtime, stat.st_mtime_nsec as u32),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec as u32),
            living: None,
        }
    }
}

/// Opens a regular file without following a link, and without waiting for a fifo that took its place.
pub(super) fn open_file(place: &Place) -> io::Result<(File, Looked)> {
    let (file, is_living) = match place {
        Place::Path(path) => (far::open(path)?, false),
        Place::Beneath(root, path) => (root.open(path)?, true),
    };
    let stat = rustix::fs::fstat(&file)?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile {
        let looked = Looked {
            living: is_living.then(|| Living::from(&stat)),
            ..Looked::from(&stat)
        };
        Ok((file, looked))
    } else {
        Err(io::Error::other("it is no regular file any more"))
    }
}

/// Was the file deleted? When the folder that it was in is not there either, it may have been moved, with its content.
pub(super) fn is_gone(place: &Place, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        && match place {
            Place::Path(path) => path.parent().is_some_and(Path::is_dir),
            Place::Beneath(root, path) => root.is_gone(path),
        }
}

pub(super) fn run(shared: &Shared, files: &Receiver<Large>, jobs: &Sender<Job>) {
    let blank = Buffers::new();
    for large in files {
        if shared.is_stopped() {
            shared.end();
            continue;
        }
        let (slot, announced) = (large.slot, large.announced.clone());
        let from = Place::of(&large.content);
        let streamed = Arc::new(Streamed {
            slot,
            state: Mutex::default(),
        });
        let end = match feed(shared, large, &streamed, jobs, &blank) {
            Ok(end) => end,
            Err(error) => {
                let gone = from.is_some_and(|place| is_gone(&place, &error));
                shared.unreadable(announced, &error, gone);
                End {
                    size: 0,
                    now: None,
                    failed: true,
                }
            }
        };
        let done = {
            let mut state = lock(&streamed.state);
            state.end = Some(end);
            state.blocks == 0
        };
        if done {
            worker::finish_stream(shared, &streamed);
        }
    }
}

/// Blocks that have been used and may be used again.
pub(super) struct Buffers {
    give: Sender<Vec<u8>>,
    take: Receiver<Vec<u8>>,
}

impl Buffers {
    fn new() -> Self {
        let (give, take) = crossbeam_channel::bounded(8);
        Buffers { give, take }
    }

    fn get(&self) -> Vec<u8> {
        self.take.try_recv().unwrap_or_default()
    }
}

fn feed(
    shared: &Shared,
    large: Large,
    streamed: &Arc<Streamed>,
    jobs: &Sender<Job>,
    buffers: &Buffers,
) -> io::Result<End> {
    shared.progress.item(&large.announced.path.to_string_lossy());
    let mut cuts = Cuts {
        shared,
        streamed,
        jobs,
        buffers,
        cutter: large.cutter,
        size: 0,
    };
    if let Some(place) = Place::of(&large.content) {
        return file(cuts, &place, large.from_disk, large.announced);
    }
    match large.content {
        Content::None | Content::Path { .. } | Content::Beneath { .. } => Ok(End {
            size: 0,
            now: None,
            failed: false,
        }),
        Content::Bytes(bytes) => cuts.all(&bytes[..]).map(|size| End {
            size,
            now: None,
            failed: false,
        }),
        Content::Stream { open, .. } => cuts.all(open()?).map(|size| End {
            size,
            now: None,
            failed: false,
        }),
    }
}

fn file(mut cuts: Cuts<'_>, place: &Place, from_disk: bool, announced: Announced) -> io::Result<End> {
    let (file, before) = open_file(place)?;
    let size = cuts.all(&file)?;
    let after = before.again(&file)?;
    if from_disk && (after != before || size != after.size) {
        cuts.shared.changed(announced);
    }
    Ok(End {
        size,
        now: Some(before),
        failed: false,
    })
}

struct Cuts<'a> {
    shared: &'a Shared,
    streamed: &'a Arc<Streamed>,
    jobs: &'a Sender<Job>,
    buffers: &'a Buffers,
    cutter: Cutter,
    size: u64,
}

impl Cuts<'_> {
    /// Cuts a stream to its end; its length.
    fn all(&mut self, mut stream: impl Read) -> io::Result<u64> {
        let mut rest: Vec<u8> = Vec::new();
        let mut searched = 0;
        loop {
            let mut block = self.buffers.get();
            // Without a cut in all of the rest, twice as much is looked at.
            let length = self.cutter.block().max(2 * rest.len()).min(MAX_CHUNK);
            if block.len() < length {
                block.resize(length, 0);
            }
            block[..rest.len()].copy_from_slice(&rest);
            let (filled, ended) = fill(&mut stream, &mut block[..length], rest.len())?;
            let chunks = self.cut(&block[..filled], ended, searched);
            let used = chunks.iter().sum::<usize>();
            rest.clear();
            rest.extend_from_slice(&block[used..filled]);
            // A cut at the very end was not taken for one.
            searched = rest.len().saturating_sub(1);
            self.send(block, chunks)?;
            if ended {
                return Ok(self.size);
            }
        }
    }

    /// Lengths of the whole chunks of a block. What is left may go on in the next one. The first `searched` bytes hold no cut.
    fn cut(&self, block: &[u8], ended: bool, mut searched: usize) -> Vec<usize> {
        let gear = &self.shared.repository.0.gear;
        let mut chunks = Vec::new();
        let mut at = 0;
        while at < block.len() {
            let length = self.cutter.cut_after(gear, &block[at..], searched);
            searched = 0;
            let whole = at + length < block.len() || ended || length >= self.cutter.wants();
            if !whole {
                break;
            }
            chunks.push(length);
            at += length;
        }
        chunks
    }

    fn send(&mut self, bytes: Vec<u8>, chunks: Vec<usize>) -> io::Result<()> {
        if chunks.is_empty() {
            let _ = self.buffers.give.try_send(bytes);
            return Ok(());
        }
        self.size += chunks.iter().sum::<usize>() as u64;
        let first = {
            let mut state = lock(&self.streamed.state);
            state.blocks += 1;
            let first = state.ids.len();
            state.ids.resize(first + chunks.len(), Id::default());
            first
        };
        let block = Block {
            file: Arc::clone(self.streamed),
            bytes,
            chunks,
            first,
            recycle: self.buffers.give.clone(),
        };
        let stopped = || io::Error::other("stopped");
        if self.shared.is_stopped() {
            return Err(stopped());
        }
        self.jobs.send(Job::Block(Box::new(block))).map_err(|_| stopped())
    }
}

/// Reads until the block is full or the stream has ended.
fn fill(stream: &mut impl Read, block: &mut [u8], mut filled: usize) -> io::Result<(usize, bool)> {
    while filled < block.len() {
        match stream.read(&mut block[filled..]) {
            Ok(0) => return Ok((filled, true)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((filled, false))
}
