//! Reading of tree blobs, from any writer.
//!
//! Rules: keys may come in any order, `null` counts as absent, unknown keys are passed over. Each node is made as it is
//! met, so that a listing of hundreds of thousands is never held twice. Names are kept as they are, hostile ones too; a type that is
//! not known, a time that is none, or a directory without listing make the whole listing damaged.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{FileKind, Problem, Result, Timestamp, Xattr};

use super::{Node, mode};
use crate::Id;
use crate::format::go_json::unquote;
use crate::format::go_time::parse_time;
use crate::format::json_pull::{Parsed, Pull};

/// The nodes of a tree blob.
pub fn decode(json: &[u8]) -> Result<Vec<Node>> {
    let text = std::str::from_utf8(json).map_err(|error| malformed("it is not UTF-8").caused_by(error))?;
    let mut pull = Pull::new(text);
    let tree = tree(&mut pull);
    tree.map_err(|expected| malformed(format_args!("expected {expected} before byte {}", pull.at())))
}

fn malformed(why: impl std::fmt::Display) -> Problem {
    Problem::damaged(format!("a directory listing is malformed: {why}"))
        .hint("`cairn repository check` finds what else is damaged")
}

fn tree(pull: &mut Pull<'_>) -> Parsed<Vec<Node>> {
    let mut nodes = Vec::new();
    pull.fields(&[("nodes", ())], |pull, ()| {
        nodes = pull.items(node)?;
        Ok(())
    })?;
    pull.end()?;
    Ok(nodes)
}

#[derive(Clone, Copy)]
enum Field {
    Name,
    Type,
    Mode,
    Mtime,
    Ignored,
    Ctime,
    Uid,
    Gid,
    User,
    Group,
    Inode,
    DeviceId,
    Size,
    Links,
    Target,
    RawTarget,
    Xattrs,
    Generic,
    Device,
    Content,
    Subtree,
    Error,
}

/// In the order in which they are written: the next key is nearly always one of the next few.
const FIELDS: [(&str, Field); 22] = [
    ("name", Field::Name),
    ("type", Field::Type),
    ("mode", Field::Mode),
    ("mtime", Field::Mtime),
    ("atime", Field::Ignored),
    ("ctime", Field::Ctime),
    ("uid", Field::Uid),
    ("gid", Field::Gid),
    ("user", Field::User),
    ("group", Field::Group),
    ("inode", Field::Inode),
    ("device_id", Field::DeviceId),
    ("size", Field::Size),
    ("links", Field::Links),
    ("linktarget", Field::Target),
    ("linktarget_raw", Field::RawTarget),
    ("extended_attributes", Field::Xattrs),
    ("generic_attributes", Field::Generic),
    ("device", Field::Device),
    ("content", Field::Content),
    ("subtree", Field::Subtree),
    ("error", Field::Error),
];

/// A node of which not everything has been read yet.
#[derive(Default)]
struct Draft<'a> {
    node: Node,
    named: bool,
    kind: Cow<'a, str>,
    go_mode: u32,
    device: u64,
    target: Cow<'a, str>,
    raw_target: Cow<'a, str>,
}

fn node(pull: &mut Pull<'_>) -> Parsed<Node> {
    let mut draft = Draft::default();
    pull.fields(&FIELDS, |pull, field| draft.read(field, pull))?;
    draft.finish()
}

impl<'a> Draft<'a> {
    fn read(&mut self, field: Field, pull: &mut Pull<'a>) -> Parsed<()> {
        let meta = &mut self.node.meta;
        match field {
            Field::Name => {
                self.node.name = name(&pull.string()?)?;
                self.named = true;
            }
            Field::Type => self.kind = pull.string()?,
            Field::Mode => self.go_mode = pull.small()?,
            Field::Mtime => meta.mtime = time(&pull.text()?)?,
            Field::Ignored => drop(pull.text()?),
            Field::Ctime => meta.ctime = time(&pull.text()?)?,
            Field::Uid => meta.uid = pull.small()?,
            Field::Gid => meta.gid = pull.small()?,
            Field::User => meta.user = pull.text()?.into_owned(),
            Field::Group => meta.group = pull.text()?.into_owned(),
            Field::Inode => meta.inode = pull.number()?,
            Field::DeviceId => meta.device = pull.number()?,
            Field::Size => meta.size = pull.number()?,
            Field::Links => meta.links = pull.number()?,
            Field::Target => self.target = pull.text()?,
            Field::RawTarget => self.raw_target = pull.text()?,
            Field::Xattrs => meta.xattrs = xattrs(pull)?,
            Field::Generic => {
                let value = pull.skip()?;
                self.node.generic_attributes = (value != "null").then(|| value.into());
            }
            Field::Device => self.device = pull.number()?,
            Field::Content => self.node.content = content(pull)?,
            Field::Subtree => self.node.subtree = if pull.null() { None } else { Some(pull.id()?) },
            Field::Error => {
                let text = pull.text()?;
                self.node.error = (!text.is_empty()).then(|| text.into());
            }
        }
        Ok(())
    }

    fn finish(self) -> Parsed<Node> {
        let kind = self.kind()?;
        let mut node = self.node;
        if !self.named {
            return Err("a name");
        }
        if kind == FileKind::Dir && node.subtree.is_none() {
            return Err("the listing of a directory");
        }
        if kind != FileKind::File {
            node.meta.size = 0;
        }
        let special = mode::SPECIAL.iter().filter(|(go, _)| self.go_mode & go != 0);
        node.meta.mode = special.fold(self.go_mode & 0o777, |sum, (_, unix)| sum | unix);
        node.meta.kind = kind;
        Ok(node)
    }

    fn kind(&self) -> Parsed<FileKind> {
        let device = self.device;
        Ok(match &*self.kind {
            "file" => FileKind::File,
            "dir" => FileKind::Dir,
            "symlink" => FileKind::Symlink {
                target: self.target()?,
            },
            "dev" => FileKind::BlockDevice { device },
            "chardev" => FileKind::CharDevice { device },
            "fifo" => FileKind::Fifo,
            "socket" => FileKind::Socket,
            _ => return Err("a known type"),
        })
    }

    fn target(&self) -> Parsed<PathBuf> {
        if self.raw_target.is_empty() {
            return Ok(PathBuf::from(&*self.target));
        }
        base64(&self.raw_target).map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }
}

fn name(text: &str) -> Parsed<Vec<u8>> {
    if text.contains('\\') {
        unquote(text).ok_or("a name with known escapes")
    } else {
        Ok(text.as_bytes().to_vec())
    }
}

fn base64(text: &str) -> Parsed<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| "base64")
}

fn content(pull: &mut Pull<'_>) -> Parsed<Vec<Id>> {
    let mut ids = Vec::new();
    pull.list(|pull| {
        if ids.is_empty() {
            // Most files have one blob.
            ids.reserve_exact(1);
        }
        ids.push(pull.id()?);
        Ok(())
    })?;
    Ok(ids)
}

fn time(text: &str) -> Parsed<Timestamp> {
    if text.is_empty() {
        return Ok(Timestamp::default());
    }
    parse_time(text).map_err(|_| "a time")
}

fn xattrs(pull: &mut Pull<'_>) -> Parsed<Vec<Xattr>> {
    pull.items(|pull| {
        let (mut name, mut value) = (Cow::Borrowed(""), Vec::new());
        pull.fields(&[("name", true), ("value", false)], |pull, is_name| {
            if is_name {
                name = pull.string()?;
            } else {
                value = base64(&pull.text()?)?;
            }
            Ok(())
        })?;
        let name = OsString::from(name.into_owned());
        Ok(Xattr { name, value })
    })
}
