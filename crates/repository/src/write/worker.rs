//! Hashes, compresses, seals and packs; and writes listings.

use std::io::{self, Read};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use model::{Content, Result};

use super::assembly::{Known, Ready, Slot};
use super::feeder::{Living, Looked, Place, StreamState, Streamed, is_gone, open_file};
use super::sealer::Sealer;
use super::shared::{Announced, Shared, lock};
use crate::Id;
use crate::chunk::MAX_CHUNK;
use crate::format::pack::BlobKind;
use crate::format::tree::{self, Node};
use crate::hash;

/// Work for a worker.
pub(super) enum Job {
    Batch(Vec<Small>),
    Block(Box<Block>),
    Listing(Box<Ready>),
}

/// A file that is one chunk.
pub(super) struct Small {
    pub(super) slot: Slot,
    pub(super) announced: Announced,
    pub(super) content: Content,
}

/// Some chunks of a large file.
pub(super) struct Block {
    pub(super) file: Arc<Streamed>,
    pub(super) bytes: Vec<u8>,
    pub(super) chunks: Vec<usize>,
    /// Number of the first chunk in the file.
    pub(super) first: usize,
    pub(super) recycle: Sender<Vec<u8>>,
}

pub(super) fn run(shared: &Shared, jobs: &Receiver<Job>) {
    let mut sealer = Sealer::new();
    let mut buffers = [Vec::new(), Vec::new()];
    for job in jobs {
        let done = match job {
            Job::Batch(files) => batch(shared, &mut sealer, &mut buffers, files),
            Job::Block(block) => self::block(shared, &mut sealer, *block),
            Job::Listing(ready) => {
                let done = listings(shared, &mut sealer, Some(*ready));
                shared.end();
                done
            }
        };
        if let Err(problem) = done {
            shared.fail(problem);
        }
    }
}

/// Two at a time: they are hashed together.
fn batch(
    shared: &Shared,
    sealer: &mut Sealer,
    [first, second]: &mut [Vec<u8>; 2],
    files: Vec<Small>,
) -> Result<()> {
    let mut files = files.into_iter();
    let mut done = Ok(());
    while let Some(one) = files.next() {
        let two = files.next();
        let count = 1 + usize::from(two.is_some());
        if done.is_ok() && !shared.is_stopped() {
            let one = Taken::from(one, first);
            let two = two.map(|two| Taken::from(two, second));
            done = small(shared, sealer, (one, first), two.map(|two| (two, &**second)));
        }
        (0..count).for_each(|_| shared.end());
    }
    done
}

/// A file whose bytes are in a buffer.
struct Taken {
    slot: Slot,
    announced: Announced,
    read: io::Result<Option<Looked>>,
    /// It could not be read since nothing is there any more.
    is_gone: bool,
}

impl Taken {
    fn from(file: Small, buffer: &mut Vec<u8>) -> Self {
        buffer.clear();
        let mut gone = false;
        let place = Place::of(&file.content);
        let read = match file.content {
            Content::Bytes(bytes) => {
                *buffer = bytes;
                Ok(None)
            }
            Content::Stream { open, .. } => open()
                .and_then(|mut stream| stream.read_to_end(buffer))
                .map(|_| None),
            Content::Path { .. } | Content::Beneath { .. } | Content::None => {
                place.map_or(Ok(None), |place| {
                    read_small(&place, buffer)
                        .map(Some)
                        .inspect_err(|error| gone = is_gone(&place, error))
                })
            }
        };
        Taken {
            slot: file.slot,
            announced: file.announced,
            read,
            is_gone: gone,
        }
    }
}

fn small(
    shared: &Shared,
    sealer: &mut Sealer,
    (one, bytes): (Taken, &[u8]),
    two: Option<(Taken, &[u8])>,
) -> Result<()> {
    let Some((two, more)) = two else {
        return store_small(shared, sealer, one, bytes, None);
    };
    let [id, id_of_two] = hash::pair(bytes, more);
    store_small(shared, sealer, one, bytes, Some(id))?;
    store_small(shared, sealer, two, more, Some(id_of_two))
}

fn store_small(
    shared: &Shared,
    sealer: &mut Sealer,
    file: Taken,
    bytes: &[u8],
    id: Option<Id>,
) -> Result<()> {
    let looked = match file.read {
        Ok(looked) => looked,
        Err(error) => {
            shared.unreadable(file.announced, &error, file.is_gone);
            let ready = lock(&shared.assembly).fill(file.slot, |_| None);
            return listings(shared, sealer, ready);
        }
    };
    let content = match id {
        Some(id) if (1..=MAX_CHUNK).contains(&bytes.len()) => {
            sealer.named(shared, BlobKind::Data, id, bytes)?;
            vec![id]
        }
        _ => bytes
            .chunks(MAX_CHUNK)
            .map(|chunk| sealer.blob(shared, BlobKind::Data, chunk))
            .collect::<Result<_>>()?,
    };
    let size = bytes.len() as u64;
    shared.progress.items(1);
    shared.progress.bytes(size);
    let mut changed = false;
    let ready = lock(&shared.assembly).fill(file.slot, |node| {
        changed = looked.is_some_and(|looked| looked.size != size);
        Some(filled(node, content, size, looked))
    });
    if changed {
        shared.changed(file.announced);
    }
    listings(shared, sealer, ready)
}

/// Reads a file whole; once more when it changed meanwhile.
fn read_small(place: &Place, buffer: &mut Vec<u8>) -> io::Result<Looked> {
    let (mut file, before) = open_file(place)?;
    buffer.resize(before.size as usize, 0);
    // As long as it says that it is, and still that long afterwards: there is no end to be read.
    let read = file.read_exact(buffer);
    if read.is_ok() && before.again(&file)? == before {
        return Ok(before);
    }
    buffer.clear();
    let (mut again, before) = open_file(place)?;
    again.read_to_end(buffer)?;
    Ok(before)
}

fn block(shared: &Shared, sealer: &mut Sealer, block: Block) -> Result<()> {
    let mut rest = block.bytes.as_slice();
    let mut chunks = Vec::with_capacity(block.chunks.len());
    for length in &block.chunks {
        let (chunk, after) = rest.split_at(*length);
        chunks.push(chunk);
        rest = after;
    }
    let mut ids = Vec::with_capacity(chunks.len());
    for group in chunks.chunks(at_once(&block.chunks)) {
        let hashed = hash::all(group);
        for (id, chunk) in hashed.iter().zip(group) {
            if shared.is_stopped() {
                break;
            }
            sealer.named(shared, BlobKind::Data, *id, chunk)?;
            shared.progress.bytes(chunk.len() as u64);
        }
        ids.extend(hashed);
    }
    // When nobody waits for it, the block is freed instead.
    let _ = block.recycle.try_send(block.bytes);
    let done = {
        let mut state = lock(&block.file.state);
        state.ids[block.first..block.first + ids.len()].copy_from_slice(&ids);
        state.blocks -= 1;
        state.blocks == 0 && state.end.is_some()
    };
    if done {
        finish_stream(shared, &block.file);
    }
    Ok(())
}

/// How many chunks are hashed before the first is stored: small ones are then still near the processor.
fn at_once(lengths: &[usize]) -> usize {
    const NEAR: usize = 256 << 10;
    match lengths.first() {
        Some(first) if 2 * first <= NEAR => NEAR / first / 2 * 2,
        _ => lengths.len().max(1),
    }
}

/// All chunks of a large file are stored: its node is complete.
pub(super) fn finish_stream(shared: &Shared, file: &Streamed) {
    let StreamState { ids, end, .. } = std::mem::take(&mut *lock(&file.state));
    if let (Some(end), false) = (end, shared.is_stopped()) {
        shared.progress.items(1);
        let ready = lock(&shared.assembly).fill(file.slot, |node| {
            if end.failed {
                None
            } else {
                Some(filled(node, ids, end.size, end.now))
            }
        });
        if let Err(problem) = write_listings(shared, ready) {
            shared.fail(problem);
        }
    }
    shared.end();
}

/// Size and times are those of the content that was read, so that a change in between is seen by the next backup.
fn filled(mut node: Node, content: Vec<Id>, size: u64, looked: Option<Looked>) -> Node {
    node.content = content;
    node.meta.size = size;
    if let (Some(looked), true) = (looked, node.meta.inode != 0) {
        (node.meta.mtime, node.meta.ctime) = (looked.mtime, looked.ctime);
        if let Some(living) = looked.living {
            belonging(&mut node.meta, living);
        }
    }
    node
}

/// Owner and mode are those of the file whose bytes were read.
fn belonging(meta: &mut model::Meta, living: Living) {
    if (meta.device, meta.inode) != (living.device, living.inode) {
        (meta.device, meta.inode, meta.links) = (living.device, living.inode, living.links);
        // The names and attributes that were listed are another file's.
        meta.xattrs.clear();
    }
    if meta.uid != living.uid {
        meta.user.clear();
    }
    if meta.gid != living.gid {
        meta.group.clear();
    }
    (meta.mode, meta.uid, meta.gid) = (living.mode, living.uid, living.gid);
}

/// Is it, entry by entry, the parent's listing?
pub(super) fn is_known(shared: &Shared, ready: &Ready) -> bool {
    // It may have been read from a cache or a second copy while what lies in the repository is damaged.
    let is_the_same =
        |known: &Known| *known.nodes == ready.nodes && shared.index.holds(BlobKind::Tree, &known.tree);
    ready.known.as_ref().is_some_and(is_the_same)
}

pub(super) fn write_listings(shared: &Shared, ready: Option<Ready>) -> Result<()> {
    if ready.is_none() {
        Ok(())
    } else {
        listings(shared, &mut Sealer::new(), ready)
    }
}

/// Writes a listing, and those above it that become ready by it.
fn listings(shared: &Shared, sealer: &mut Sealer, mut ready: Option<Ready>) -> Result<()> {
    while let Some(now) = ready {
        let Some(above) = now.above else { return Ok(()) };
        let id = listing(shared, sealer, &now)?;
        ready = lock(&shared.assembly).fill(above, |node| {
            Some(Node {
                subtree: Some(id),
                ..node
            })
        });
    }
    Ok(())
}

fn listing(shared: &Shared, sealer: &mut Sealer, ready: &Ready) -> Result<Id> {
    match &ready.known {
        Some(known) if is_known(shared, ready) => Ok(known.tree),
        _ => sealer.blob(shared, BlobKind::Tree, &tree::encode(&ready.nodes)?),
    }
}

pub(super) fn store_listing(shared: &Shared, ready: &Ready) -> Result<Id> {
    listing(shared, &mut Sealer::new(), ready)
}
