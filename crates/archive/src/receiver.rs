//! What every reader of archives hands its entries to: checks them, writes them down, keeps the books.
//!
//! Rules: a name is cleaned, looked up and paid for before anything is made; a file counts as it is written; symbolic
//! links are only remembered, and made at the very end, when all of them were found to stay inside. So while bytes are
//! being written there is no link anywhere in the staging folder.
//! [`Unpacked`] is the outcome: a folder that goes when it is dropped, and the list of what the archive says of each
//! entry (modes, times, attributes, names of one file), in the order in which a [`Sink`] wants it.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use boundary::{Context, Need, Sink};
use model::{Chunking, Content, FileKind, MANIFEST_FILE, Manifest, Meta, Problem, Result};
use tempfile::TempDir;

use super::content::read_some;
use super::index::Index;
use super::limits::{Budget, Limits};
use super::links;
use super::names::{clean, raw};
use super::refusal::{refuse, refuse_whole};
use super::staging::Staging;

const PIECE: usize = 128 * 1024;

/// An archive that was found good, as a folder.
#[derive(Debug)]
pub struct Unpacked {
    dir: TempDir,
    /// `manifest.json` at the root, when there is one.
    pub manifest: Option<serde_json::Value>,
    pub files: u64,
    pub bytes: u64,
    /// Every entry, a folder before what lies in it, with what the archive says of it.
    pub entries: Vec<(PathBuf, Meta)>,
    /// What is in the archive and was not taken, with the reason.
    pub left_out: Vec<String>,
}

impl Unpacked {
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Leaves the folder where it is, for good.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    /// Hands everything on, as a capture would; nothing of it may lack.
    pub fn pour(&self, sink: &mut dyn Sink, cx: &Context) -> Result<()> {
        for (path, meta) in &self.entries {
            cx.cancel.check()?;
            let content = if meta.is_file() {
                Content::Path {
                    path: self.dir().join(path),
                    chunking: Chunking::Auto,
                }
            } else {
                Content::None
            };
            sink.entry(path, meta.clone(), content, Need::Required)?;
        }
        Ok(())
    }
}

pub(super) struct Receiver<'a> {
    limits: Limits,
    budget: Budget,
    index: Index,
    staging: Staging,
    cx: &'a Context,
    piece: Vec<u8>,
    left_out: Vec<String>,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(limits: Limits, archive_bytes: u64, root: &Path, cx: &'a Context) -> Result<Self> {
        Ok(Receiver {
            limits,
            budget: Budget::new(limits, archive_bytes),
            index: Index::default(),
            staging: Staging::make(root)?,
            cx,
            piece: vec![0; PIECE],
            left_out: Vec::new(),
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn cx(&self) -> &'a Context {
        self.cx
    }

    pub(super) fn check_space(&self, bytes: u64) -> Result<()> {
        self.staging.check_space(bytes)
    }

    /// Cleans a name; the root becomes `None`.
    fn path(&mut self, name: &[u8]) -> Result<Option<PathBuf>> {
        self.cx.cancel.check()?;
        let path = clean(name, &self.limits)?;
        self.cx.progress.item(&path.to_string_lossy());
        self.cx.progress.items(1);
        Ok((!path.as_os_str().is_empty()).then_some(path))
    }

    fn take_in(&mut self, path: &Path, meta: Meta) -> Result<()> {
        let meta = self.trusted(meta);
        let missing = self.index.add(path, meta, &self.limits, &mut self.budget)?;
        self.make_folders(&missing)
    }

    fn make_folders(&mut self, missing: &[PathBuf]) -> Result<()> {
        missing.iter().try_for_each(|folder| self.staging.folder(folder))
    }

    /// What is believed of what the archive says.
    fn trusted(&self, mut meta: Meta) -> Meta {
        if !self.limits.owners {
            let allowed = if meta.is_dir() { 0o1777 } else { 0o777 };
            meta.mode &= allowed;
            (meta.uid, meta.gid) = (0, 0);
            meta.user.clear();
            meta.group.clear();
            meta.xattrs
                .retain(|attribute| attribute.name.as_encoded_bytes().starts_with(b"user."));
        }
        meta
    }

    pub(super) fn dir(&mut self, name: &[u8], meta: Meta) -> Result<()> {
        let Some(path) = self.path(name)? else {
            return Ok(());
        };
        let there = self.index.get(&path).is_some();
        self.take_in(&path, meta)?;
        if there { Ok(()) } else { self.staging.folder(&path) }
    }

    pub(super) fn file(&mut self, name: &[u8], meta: Meta, content: &mut dyn Read) -> Result<()> {
        let Some(path) = self.path(name)? else {
            return Err(refuse(name, "is the root of the archive and yet a file"));
        };
        self.budget.announced(name, meta.size)?;
        self.take_in(&path, meta)?;
        let mut file = self.staging.file(&path)?;
        self.write(&path, &mut file, content)?;
        match self.index.get(&path) {
            Some(meta) => self.staging.dress_file(&path, &file, meta),
            None => Ok(()),
        }
    }

    fn write(&mut self, path: &Path, file: &mut dyn Write, content: &mut dyn Read) -> Result<()> {
        let announced = self.index.get(path).map_or(0, |meta| meta.size);
        let mut so_far = 0;
        loop {
            self.cx.cancel.check()?;
            let n = read_some(content, &mut self.piece).map_err(|error| reading(raw(path), error))?;
            so_far += n as u64;
            if n == 0 && so_far == announced {
                return Ok(());
            }
            if n == 0 || so_far > announced {
                return Err(refuse(
                    raw(path),
                    format!("is not {announced} bytes long, as it is said to be"),
                ));
            }
            self.budget.write(raw(path), so_far, n as u64)?;
            file.write_all(&self.piece[..n])
                .map_err(|error| Problem::io(format_args!("unpacking {}", path.display()), error))?;
            self.cx.progress.bytes(n as u64);
        }
    }

    pub(super) fn symlink(&mut self, name: &[u8], mut meta: Meta, target: PathBuf) -> Result<()> {
        let Some(path) = self.path(name)? else {
            return Err(refuse(name, "is the root of the archive and yet a link"));
        };
        let bytes = raw(&target);
        if bytes.is_empty() || bytes.contains(&0) || bytes.len() > self.limits.path {
            return Err(refuse(name, "is a link without a proper target"));
        }
        meta.size = 0;
        meta.kind = FileKind::Symlink { target };
        self.take_in(&path, meta)
    }

    /// A named pipe: it is only remembered, and never made in the staging folder.
    pub(super) fn pipe(&mut self, name: &[u8], meta: Meta) -> Result<()> {
        self.bare(name, meta, FileKind::Fifo)
    }

    /// A device gives whoever has it the machine, so it is only taken from an archive of one's own.
    pub(super) fn device(&mut self, name: &[u8], meta: Meta, kind: Option<FileKind>) -> Result<()> {
        match kind {
            Some(kind) if self.limits.owners => self.bare(name, meta, kind),
            _ => {
                let why = if self.limits.owners {
                    "the archive does not say which device it is"
                } else {
                    "a device is only taken with --trusted"
                };
                let path = clean(name, &self.limits)?;
                self.left_out.push(format!("{}: {why}", path.display()));
                Ok(())
            }
        }
    }

    fn bare(&mut self, name: &[u8], meta: Meta, kind: FileKind) -> Result<()> {
        let Some(path) = self.path(name)? else {
            return Err(refuse(name, "is the root of the archive and yet no folder"));
        };
        self.take_in(
            &path,
            Meta {
                kind,
                size: 0,
                ..meta
            },
        )
    }

    pub(super) fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<()> {
        let Some(path) = self.path(name)? else {
            return Err(refuse(name, "is the root of the archive and yet a link"));
        };
        let first = clean(target, &self.limits).map_err(|problem| {
            refuse(name, "is a hard link to a place outside the archive").caused_by(problem)
        })?;
        let missing = self
            .index
            .hard_link(&path, &first, &self.limits, &mut self.budget)?;
        self.make_folders(&missing)?;
        self.staging.hard_link(&path, &first)
    }

    /// The end: all was read. Links, folders' modes and times, the manifest.
    pub(super) fn finish(mut self) -> Result<Unpacked> {
        if !self.limits.outside_links {
            links::check(&self.index, &self.cx.cancel)?;
        }
        let manifest = self.manifest()?;
        for (path, meta) in self.index.iter().rev() {
            self.cx.cancel.check()?;
            match &meta.kind {
                FileKind::Symlink { target } => self.staging.symlink(path, target, meta)?,
                FileKind::Dir => self.staging.dress_folder(path, meta)?,
                _ => {}
            }
        }
        Ok(Unpacked {
            dir: self.staging.into_dir(),
            manifest,
            files: self.index.iter().count() as u64,
            bytes: self.budget.written(),
            entries: self.index.into_entries(),
            left_out: self.left_out,
        })
    }

    fn manifest(&mut self) -> Result<Option<serde_json::Value>> {
        let path = Path::new(MANIFEST_FILE);
        let Some(meta) = self.index.get(path) else {
            return Ok(None);
        };
        if !meta.is_file() || meta.size > self.limits.manifest {
            return Err(refuse(raw(path), "is not a file of a reasonable size"));
        }
        let mut text = Vec::new();
        let file = self.staging.open(path)?;
        file.take(self.limits.manifest)
            .read_to_end(&mut text)
            .map_err(|error| Problem::io(MANIFEST_FILE, error))?;
        let value: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|error| refuse(raw(path), format!("is not JSON: {error}")))?;
        if value.get("format").and_then(serde_json::Value::as_str) == Some("cairn") {
            self.check_manifest(&Manifest::decode(&text)?)?;
        }
        Ok(Some(value))
    }

    /// What Cairn's own manifest promises has to be there.
    fn check_manifest(&self, manifest: &Manifest) -> Result<()> {
        let promised = manifest
            .parts
            .iter()
            .filter(|part| part.items > 0 || part.bytes > 0);
        for part in promised {
            if self.index.get(Path::new(&part.name)).is_none() {
                let why = format!(
                    "promises the part “{}”, which the archive does not hold",
                    part.name
                );
                return Err(refuse(MANIFEST_FILE.as_bytes(), why));
            }
        }
        Ok(())
    }
}

/// An error of a decompressor is the archive's fault, an error of the disk is not.
pub(super) fn reading(name: &[u8], error: io::Error) -> Problem {
    if error.raw_os_error().is_some() {
        return Problem::io("reading the archive", error);
    }
    match (error.kind(), name) {
        (io::ErrorKind::UnexpectedEof, b"") => refuse_whole("it is cut short").caused_by(error),
        (io::ErrorKind::UnexpectedEof, name) => refuse(name, "is cut short").caused_by(error),
        (_, b"") => refuse_whole(format!("it is damaged, or something follows it: {error}")).caused_by(error),
        (_, name) => refuse(name, format!("is damaged: {error}")).caused_by(error),
    }
}
