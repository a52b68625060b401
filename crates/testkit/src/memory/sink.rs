//! A sink that keeps what it is given, as a tree.
//!
//! It checks the order of the entries: a folder before what lies in it, nothing twice. It reads contents at once, with their
//! length as it is then, which may not be what the metadata said.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::{Content, Meta, Problem, Result};
use sources::Sink;

use super::journal::Breach;
use super::tree::{MemoryTree, Node};

#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    nodes: BTreeMap<PathBuf, Node>,
    breach: Option<(usize, Breach)>,
    /// What was passed over, and why.
    pub skipped: Vec<(PathBuf, String)>,
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

    pub fn into_tree(self) -> MemoryTree {
        MemoryTree::new(self.nodes)
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
}

impl Sink for MemorySink {
    fn entry(&mut self, path: &Path, mut meta: Meta, content: Content) -> Result<()> {
        match &self.breach {
            Some((at, breach)) if *at == self.nodes.len() => breach.happen()?,
            _ => {}
        }
        self.check_order(path)?;
        let bytes = read(content)
            .map_err(|error| Problem::io(format!("cannot read what is at {}", path.display()), error))?;
        if meta.is_file() {
            meta.size = bytes.len() as u64;
        }
        self.nodes.insert(
            path.to_path_buf(),
            Node {
                meta,
                bytes: bytes.into(),
            },
        );
        Ok(())
    }

    fn skipped(&mut self, path: &Path, why: String) {
        self.skipped.push((path.to_path_buf(), why));
    }
}

fn read(content: Content) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match content {
        Content::None => {}
        Content::Bytes(given) => bytes = given,
        Content::Path { path, .. } => {
            let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
            OpenOptions::new()
                .read(true)
                .custom_flags(flags)
                .open(path)?
                .read_to_end(&mut bytes)?;
        }
        Content::Stream { open, .. } => {
            open()?.read_to_end(&mut bytes)?;
        }
    }
    Ok(bytes)
}
