//! Hashes, compresses, seals and packs; and writes listings.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use model::{Content, Result};

use super::Unread;
use super::assembly::{Ready, Slot};
use super::feeder::{Looked, StreamState, Streamed, open_file};
use super::packer::Sealer;
use super::shared::{Shared, lock};
use crate::Id;
use crate::chunk::SMALL;
use crate::format::pack::BlobKind;
use crate::format::tree::{self, Node};

/// Work for a worker.
pub(super) enum Job {
    Batch(Vec<Small>),
    Block(Box<Block>),
    Listing(Box<Ready>),
}

/// A file that is one chunk.
pub(super) struct Small {
    pub(super) slot: Slot,
    pub(super) path: PathBuf,
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
    let mut sealer = Sealer::new(shared);
    let mut buffer = Vec::with_capacity(SMALL as usize + 1);
    for job in jobs {
        let done = match job {
            Job::Batch(files) => batch(shared, &mut sealer, &mut buffer, files),
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

fn batch(shared: &Shared, sealer: &mut Sealer<'_>, buffer: &mut Vec<u8>, files: Vec<Small>) -> Result<()> {
    for file in files {
        let done = if shared.is_stopped() {
            Ok(())
        } else {
            small(shared, sealer, buffer, file)
        };
        shared.end();
        done?;
    }
    Ok(())
}

fn small(shared: &Shared, sealer: &mut Sealer<'_>, buffer: &mut Vec<u8>, file: Small) -> Result<()> {
    buffer.clear();
    let read = match file.content {
        Content::Bytes(bytes) => {
            *buffer = bytes;
            Ok(None)
        }
        Content::Path { path, .. } => read_small(&path, buffer).map(Some),
        Content::Stream { open, .. } => open()
            .and_then(|mut stream| stream.read_to_end(buffer))
            .map(|_| None),
        Content::None => Ok(None),
    };
    let looked = match read {
        Ok(looked) => looked,
        Err(error) => {
            shared.unreadable(Unread {
                path: file.path,
                why: error.to_string(),
                kept: false,
            });
            let ready = lock(&shared.assembly).fill(file.slot, |_| None);
            return listings(shared, sealer, ready);
        }
    };
    let mut content = Vec::new();
    for chunk in buffer.chunks(crate::chunk::MAX_CHUNK) {
        content.push(sealer.blob(BlobKind::Data, chunk)?);
    }
    let size = buffer.len() as u64;
    shared.progress.items(1);
    shared.progress.bytes(size);
    let mut changed = false;
    let ready = lock(&shared.assembly).fill(file.slot, |node| {
        changed = looked.is_some_and(|looked| looked.size != size);
        Some(filled(node, content, size, looked))
    });
    if changed {
        shared.unreadable(Unread {
            path: file.path,
            why: "it changed while it was read".to_owned(),
            kept: true,
        });
    }
    listings(shared, sealer, ready)
}

/// Reads a file whole; once more when it changed meanwhile.
fn read_small(path: &std::path::Path, buffer: &mut Vec<u8>) -> std::io::Result<Looked> {
    let mut file = open_file(path)?;
    let before = Looked::at(&file)?;
    file.read_to_end(buffer)?;
    let after = Looked::at(&file)?;
    if after == before && buffer.len() as u64 == after.size {
        return Ok(after);
    }
    buffer.clear();
    let mut again = open_file(path)?;
    let before = Looked::at(&again)?;
    again.read_to_end(buffer)?;
    Ok(before)
}

fn block(shared: &Shared, sealer: &mut Sealer<'_>, block: Block) -> Result<()> {
    let mut at = 0;
    let mut ids = Vec::with_capacity(block.chunks.len());
    for length in &block.chunks {
        if shared.is_stopped() {
            break;
        }
        ids.push(sealer.blob(BlobKind::Data, &block.bytes[at..at + length])?);
        shared.progress.bytes(*length as u64);
        at += length;
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
    }
    node
}

/// Is it, entry by entry, the parent's listing?
pub(super) fn is_known(ready: &Ready) -> bool {
    ready
        .known
        .as_ref()
        .is_some_and(|known| *known.nodes == ready.nodes)
}

pub(super) fn write_listings(shared: &Shared, ready: Option<Ready>) -> Result<()> {
    if ready.is_none() {
        Ok(())
    } else {
        listings(shared, &mut Sealer::new(shared), ready)
    }
}

/// Writes a listing, and those above it that become ready by it.
fn listings(shared: &Shared, sealer: &mut Sealer<'_>, mut ready: Option<Ready>) -> Result<()> {
    while let Some(now) = ready {
        let Some(above) = now.above else { return Ok(()) };
        let id = listing(sealer, &now)?;
        ready = lock(&shared.assembly).fill(above, |node| {
            Some(Node {
                subtree: Some(id),
                ..node
            })
        });
    }
    Ok(())
}

fn listing(sealer: &mut Sealer<'_>, ready: &Ready) -> Result<Id> {
    match &ready.known {
        Some(known) if *known.nodes == ready.nodes => Ok(known.tree),
        _ => sealer.blob(BlobKind::Tree, &tree::encode(&ready.nodes)?),
    }
}

pub(super) fn store_listing(shared: &Shared, ready: &Ready) -> Result<Id> {
    listing(&mut Sealer::new(shared), ready)
}
