//! Fills files from packs, many packs at a time.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use model::{Cancel, Problem, Progress, Result};

use super::metadata::{self, Restorer};
use super::order::{Order, Target};
use crate::Id;
use crate::damage::is_damage;
use crate::format::pack::{BlobKind, PackEntry};
use crate::index::Location;
use crate::read::{missing, open_blob};
use crate::storage::Class;
use crate::tree::Tree;

/// Blobs that are this close together are read at once.
const GAP: u32 = 256 << 10;
/// No single read is longer, unless one blob is.
const RANGE: u32 = 4 << 20;

/// A blob, and where it goes.
#[derive(Clone, Copy)]
struct Piece {
    pack: u32,
    offset: u32,
    length: u32,
    plain_length: u32,
    file: u32,
    /// Which blob of the file it is.
    number: u32,
    at: u64,
}

struct Work<'a> {
    tree: &'a Tree,
    order: &'a Order,
    packs: Vec<Id>,
    pieces: Vec<Piece>,
    /// Ends of the runs of one pack.
    runs: Vec<(usize, usize)>,
    /// Pieces that a file still lacks.
    remaining: Vec<AtomicU32>,
    next: AtomicUsize,
    progress: &'a Progress,
    cancel: &'a Cancel,
    restorer: Restorer,
    stopped: AtomicBool,
    failure: Mutex<Option<Problem>>,
    lost: Mutex<HashSet<(BlobKind, Id)>>,
}

/// Blobs that could not be read are given back; the files that need them are left out.
pub(super) fn write(
    tree: &Tree,
    order: &Order,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<HashSet<(BlobKind, Id)>> {
    let work = Work::plan(tree, order, progress, cancel);
    for (number, content) in order.contents() {
        if content.is_empty() && !order.has_failed(number) {
            work.finish_file(number, &create(&order.files[number])?)?;
        }
    }
    let threads = tree.repository.0.options.threads.max(1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work.run());
        }
    });
    let failure = work.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    failure.map_or_else(|| cancel.check(), Err)?;
    order.remove_failed()?;
    Ok(work.lost.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl<'a> Work<'a> {
    fn plan(tree: &'a Tree, order: &'a Order, progress: &'a Progress, cancel: &'a Cancel) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let mut packs = Vec::new();
        let mut pieces = Vec::new();
        for (file, content) in order.contents() {
            let places = match places(tree, &order.files[file], content) {
                Ok(places) => places,
                Err(problem) => {
                    order.fail(file, problem.message());
                    continue;
                }
            };
            let mut at = 0;
            for (number, Location { pack, entry }) in places.into_iter().enumerate() {
                let pack = *numbers.entry(pack).or_insert_with(|| {
                    packs.push(pack);
                    packs.len() as u32 - 1
                });
                let PackEntry {
                    offset,
                    length,
                    plain_length,
                    ..
                } = entry;
                pieces.push(Piece {
                    pack,
                    offset,
                    length,
                    plain_length,
                    file: file as u32,
                    number: number as u32,
                    at,
                });
                at += u64::from(entry.size());
            }
        }
        pieces.sort_unstable_by_key(|piece| (piece.pack, piece.offset, piece.file, piece.at));
        let ends = pieces.chunk_by(|a, b| a.pack == b.pack).scan(0, |start, run| {
            let range = (*start, *start + run.len());
            *start = range.1;
            Some(range)
        });
        let runs = ends.collect();
        let remaining = order
            .contents()
            .map(|(_, content)| AtomicU32::new(content.len() as u32))
            .collect();
        let stopped = AtomicBool::new(false);
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        Work {
            tree,
            order,
            packs,
            pieces,
            runs,
            remaining,
            next,
            progress,
            cancel,
            restorer: Restorer::this(),
            stopped,
            failure,
            lost: Mutex::default(),
        }
    }

    fn run(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            let Some(&(from, to)) = self.runs.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            if let Err(problem) = self.pack(&self.pieces[from..to]) {
                self.stopped.store(true, Ordering::Relaxed);
                self.failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(problem);
            }
        }
    }

    /// All pieces of one pack, in ranges.
    fn pack(&self, mut pieces: &[Piece]) -> Result<()> {
        let mut open: Option<(u32, File)> = None;
        while let Some(first) = pieces.first() {
            let mut end = first.offset + first.length;
            let count = pieces
                .iter()
                .take_while(|piece| {
                    let fits = piece.offset <= end.saturating_add(GAP)
                        && piece.offset + piece.length <= first.offset.saturating_add(RANGE);
                    let joins = fits || piece.offset == first.offset;
                    if joins {
                        end = end.max(piece.offset + piece.length);
                    }
                    joins
                })
                .count();
            self.range(&pieces[..count], first.offset, end, &mut open)?;
            pieces = &pieces[count..];
        }
        Ok(())
    }

    fn range(&self, pieces: &[Piece], start: u32, end: u32, open: &mut Option<(u32, File)>) -> Result<()> {
        let pack = &self.packs[pieces[0].pack as usize];
        let bytes = self.tree.repository.storage().get_range(
            Class::Pack,
            pack,
            u64::from(start),
            (end - start) as usize,
        );
        for same in pieces.chunk_by(|a, b| a.offset == b.offset) {
            self.cancel.check()?;
            let piece = &same[0];
            let id = self.order.files[piece.file as usize].entry.content[piece.number as usize];
            let sealed = bytes
                .as_ref()
                .ok()
                .map(|bytes| &bytes[(piece.offset - start) as usize..][..piece.length as usize]);
            let opened = sealed
                .and_then(|sealed| open_blob(&self.tree.repository.0.key, &entry(piece, id), sealed).ok());
            // Damaged here, or the pack is gone: another pack may hold it, and if none does, that says why.
            let plain = match opened.map_or_else(|| self.tree.blob(BlobKind::Data, &id), Ok) {
                Err(problem) if is_damage(&problem) => {
                    self.give_up(same, id, &problem);
                    continue;
                }
                plain => plain?,
            };
            for piece in same {
                self.put(piece, &plain, open)?;
            }
        }
        Ok(())
    }

    /// The files that need this blob cannot be written; all others can.
    fn give_up(&self, pieces: &[Piece], id: Id, problem: &Problem) {
        for piece in pieces {
            self.order.fail(piece.file as usize, problem.message());
        }
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.insert((BlobKind::Data, id));
    }

    fn put(&self, piece: &Piece, plain: &[u8], open: &mut Option<(u32, File)>) -> Result<()> {
        let target = &self.order.files[piece.file as usize];
        if open.as_ref().is_none_or(|(number, _)| *number != piece.file) {
            *open = Some((piece.file, create(target)?));
        }
        let Some((_, file)) = open.as_ref() else {
            return Ok(());
        };
        if !is_hole(plain) {
            file.write_all_at(plain, piece.at)
                .map_err(|error| Problem::io(format!("cannot write {}", target.path.display()), error))?;
        }
        self.progress.bytes(plain.len() as u64);
        if self.remaining[piece.file as usize].fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish_file(piece.file as usize, file)?;
        }
        Ok(())
    }

    fn finish_file(&self, number: usize, file: &File) -> Result<()> {
        let target = &self.order.files[number];
        self.order.note(metadata::apply_to_file(
            file,
            &target.path,
            &target.entry.meta,
            self.restorer,
        )?);
        self.progress.items(1);
        Ok(())
    }
}

fn entry(piece: &Piece, id: Id) -> PackEntry {
    let Piece {
        offset,
        length,
        plain_length,
        ..
    } = *piece;
    PackEntry {
        kind: BlobKind::Data,
        id,
        offset,
        length,
        plain_length,
    }
}

/// Where the pieces of a file lie.
fn places(tree: &Tree, target: &Target, content: &[Id]) -> Result<Vec<Location>> {
    let place = |id| {
        tree.index
            .find(BlobKind::Data, id)
            .ok_or_else(|| missing(BlobKind::Data, id))
    };
    let places = content.iter().map(place).collect::<Result<Vec<Location>>>()?;
    let size = places.iter().map(|place| u64::from(place.entry.size())).sum();
    check_size(target, size)?;
    Ok(places)
}

fn check_size(target: &Target, size: u64) -> Result<()> {
    if target.entry.meta.size == size {
        return Ok(());
    }
    let (path, wanted) = (target.entry.path.display(), target.entry.meta.size);
    Err(Problem::damaged(format!(
        "“{path}” should have {wanted} bytes, but its pieces have {size}"
    )))
}

/// Opens the file, or makes it with its whole length, so that what is never written stays a hole.
fn create(target: &Target) -> Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    // The final mode at once, unless somebody must open it again for another piece. Nobody else sees it: the root is private.
    let mode = if target.entry.content.len() <= 1 {
        target.entry.meta.mode & 0o777
    } else {
        0o600
    };
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(mode)
        .custom_flags(flags)
        .open(&target.path);
    let sized = opened.and_then(|file| {
        // A small file is written at once; its length needs no call of its own.
        let at_once = target.entry.content.len() == 1 && target.entry.meta.size < 4096;
        if !at_once && target.entry.meta.size > 0 {
            file.set_len(target.entry.meta.size)?;
        }
        Ok(file)
    });
    sized.map_err(|error| Problem::io(format!("cannot make {}", target.path.display()), error))
}

/// Long enough to be worth a hole, and nothing but zeros.
fn is_hole(plain: &[u8]) -> bool {
    plain.len() >= 4096 && plain[0] == 0 && plain.iter().all(|byte| *byte == 0)
}
