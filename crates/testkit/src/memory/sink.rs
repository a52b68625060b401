//! A sink that keeps what it is given, as a tree.
//!
//! It checks the order of the entries: a folder before what lies in it, nothing twice. Like the real one it is lazy: contents are read when it
//! is told to settle, long after they were announced, with their length as it is then, which may not be what the metadata said.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::{Content, Kind, Meta, Problem, Result};
use sources::{Lacking, Need, Sink};

use super::journal::Breach;
use super::tree::{MemoryTree, Node};

#[derive(Debug, Default)]
pub struct MemorySink {
    nodes: BTreeMap<PathBuf, Node>,
    pending: Vec<(PathBuf, Content, Need)>,
    lacking: Vec<Lacking>,
    breach: Option<(usize, Breach)>,
    /// The number of the read that fails.
    broken_read: Option<usize>,
    reads: usize,
    /// What could not be read, and why.
    pub skipped: Vec<(PathBuf, String)>,
    pub vanished: Vec<(PathBuf, String)>,
    pub left_out: Vec<(PathBuf, String)>,
}

impl MemorySink {
    pub fn new() -> Self {
        Self::default()
    }

    /// Breaks at the entry with this number, the first being 0.
    pub fn breaking(at: usize, breach: Breach) -> Self {
        MemorySink {
            breach: Some((at, breach)),
            ..Self::default()
        }
    }

    /// The read with this number fails, the first of all streams being 0.
    pub fn with_a_broken_read(at: usize) -> Self {
        MemorySink {
            broken_read: Some(at),
            ..Self::default()
        }
    }

    /// How often streams were read from.
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// What was captured, once everything has been read.
    pub fn into_tree(mut self) -> Result<MemoryTree> {
        self.settle()?;
        Ok(MemoryTree::new(self.nodes))
    }

    fn check_order(&self, path: &Path) -> Result<()> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let has_parent =
            parent == Path::new("") || self.nodes.get(parent).is_some_and(|node| node.meta.is_dir());
        if has_parent && !self.nodes.contains_key(path) {
            return Ok(());
        }
        Err(Problem::internal(format!(
            "{} came before its folder, or twice",
            path.display()
        )))
    }

    fn take(&mut self, path: &Path, content: Content) -> std::io::Result<()> {
        let bytes = read(content, &mut self.reads, self.broken_read)?;
        if let Some(node) = self.nodes.get_mut(path) {
            if node.meta.is_file() {
                node.meta.size = bytes.len() as u64;
            }
            node.bytes = bytes.into();
        }
        Ok(())
    }
}

impl Sink for MemorySink {
    fn entry(&mut self, path: &Path, meta: Meta, content: Content, need: Need) -> Result<()> {
        match &self.breach {
            Some((at, breach)) if *at == self.nodes.len() => breach.happen()?,
            _ => {}
        }
        self.check_order(path)?;
        let bytes = [].into();
        self.nodes.insert(path.to_path_buf(), Node { meta, bytes });
        self.pending.push((path.to_path_buf(), content, need));
        Ok(())
    }

    fn skipped(&mut self, path: &Path, why: String) {
        self.skipped.push((path.to_path_buf(), why));
    }

    fn vanished(&mut self, path: &Path, why: String) {
        self.vanished.push((path.to_path_buf(), why));
    }

    fn left_out(&mut self, path: &Path, why: String) {
        self.left_out.push((path.to_path_buf(), why));
    }

    fn settle(&mut self) -> Result<Vec<Lacking>> {
        for (path, content, need) in std::mem::take(&mut self.pending) {
            let Err(error) = self.take(&path, content) else {
                continue;
            };
            if need == Need::Required {
                let what = format!("“{}” could not be read whole: {error}", path.display());
                return Err(Problem::new(Kind::Unavailable, what));
            }
            let size = self.nodes.remove(&path).map_or(0, |node| node.meta.size);
            let why = error.to_string();
            self.lacking.push(Lacking { path, why, size });
        }
        Ok(self.lacking.clone())
    }
}

/// A stream whose reads are counted, and one of which fails.
struct Counted<'a> {
    stream: Box<dyn Read + Send>,
    reads: &'a mut usize,
    broken: Option<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let number = *self.reads;
        *self.reads += 1;
        if self.broken == Some(number) {
            return Err(std::io::Error::other("it broke here, for a test"));
        }
        self.stream.read(out)
    }
}

fn read(content: Content, reads: &mut usize, broken: Option<usize>) -> std::io::Result<Vec<u8>> {
    let stream: Box<dyn Read + Send> = match content {
        Content::None => return Ok(Vec::new()),
        Content::Bytes(given) => return Ok(given),
        Content::Path { path, .. } => {
            let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
            Box::new(OpenOptions::new().read(true).custom_flags(flags).open(path)?)
        }
        Content::Beneath { root, path, .. } => Box::new(root.open(&path)?),
        Content::Stream { open, .. } => open()?,
    };
    let mut bytes = Vec::new();
    Counted {
        stream,
        reads,
        broken,
    }
    .read_to_end(&mut bytes)?;
    Ok(bytes)
}
