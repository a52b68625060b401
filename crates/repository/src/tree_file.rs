//! A file of a snapshot as a stream that can seek.

use std::io::{self, Read, Seek, SeekFrom};

use model::{Problem, Result};

use super::{Entry, Tree};
use crate::Id;
use crate::format::pack::BlobKind;
use crate::read::missing;

/// Reads a file; keeps the one piece it is in.
#[derive(Debug)]
pub struct FileReader {
    tree: Tree,
    content: Vec<Id>,
    /// Where each piece begins, and where the file ends.
    starts: Vec<u64>,
    at: u64,
    piece: Option<(usize, Vec<u8>)>,
}

impl FileReader {
    pub(super) fn new(tree: Tree, entry: &Entry) -> Result<Self> {
        let mut starts = Vec::with_capacity(entry.content.len() + 1);
        let mut at = 0;
        for id in &entry.content {
            starts.push(at);
            let location = tree
                .index
                .find(BlobKind::Data, id)
                .ok_or_else(|| missing(BlobKind::Data, id))?;
            at += u64::from(location.entry.size());
        }
        starts.push(at);
        if at != entry.meta.size {
            return Err(Problem::damaged(format!(
                "“{}” should have {} bytes, but its pieces have {at}",
                entry.path.display(),
                entry.meta.size
            )));
        }
        Ok(FileReader {
            tree,
            content: entry.content.clone(),
            starts,
            at: 0,
            piece: None,
        })
    }

    pub fn len(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.len() || out.is_empty() {
            return Ok(0);
        }
        let number = self.starts.partition_point(|start| *start <= self.at) - 1;
        if self.piece.as_ref().is_none_or(|(loaded, _)| *loaded != number) {
            let plain = self
                .tree
                .blob(BlobKind::Data, &self.content[number])
                .map_err(io::Error::other)?;
            self.piece = Some((number, plain));
        }
        let plain = self.piece.as_ref().map_or(&[][..], |(_, plain)| plain);
        let rest = plain
            .get((self.at - self.starts[number]) as usize..)
            .unwrap_or_default();
        let count = rest.len().min(out.len());
        let is_read = count == rest.len();
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        if is_read {
            // Read to its end: whoever is slow with what he has need not keep it.
            self.piece = None;
        }
        Ok(count)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = target
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the beginning of the file"))?;
        Ok(self.at)
    }
}
