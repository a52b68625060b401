//! Tree blobs: the listing of one directory.
//!
//! Nouns: a [`Node`] is one entry; its name is kept as raw bytes, its metadata as `model::Meta`.
//! Rules: written byte for byte as restic writes it (in UTC, access time = modification time), names strictly ascending; read in any
//! order of keys, with unknown keys passed over. Names are not trusted: ask [`Node::name_problem`] before using one on a disk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{FileKind, Meta, Problem, Result, Timestamp};

use super::go_json::{push_name, push_number, push_string};
use super::go_time::push_time;
use crate::Id;

mod read;

pub use read::decode;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    pub name: Vec<u8>,
    pub meta: Meta,
    /// Data blobs of a file, in order.
    pub content: Vec<Id>,
    /// Listing of a directory.
    pub subtree: Option<Id>,
    /// What restic keeps of other systems' attributes: JSON, passed on as it was read.
    pub generic_attributes: Option<Box<str>>,
    /// What an old restic could not read of the entry.
    pub error: Option<Box<str>>,
}

impl Node {
    /// Why this name must not be used on a disk.
    pub fn name_problem(&self) -> Option<&'static str> {
        match self.name.as_slice() {
            b"" => Some("it is empty"),
            b"." | b".." => Some("it leads out of its folder"),
            name if name.contains(&b'/') => Some("it contains a slash"),
            name if name.contains(&0) => Some("it contains a zero byte"),
            _ => None,
        }
    }
}

/// The blob of a directory, its times in UTC; nodes must be in strictly ascending order of their names.
pub fn encode(nodes: &[Node]) -> Result<Vec<u8>> {
    encode_with_offset(nodes, |_| 0)
}

/// As [`encode`], its times with the offset (seconds east of Greenwich) that is valid at each: as restic does beside us on a host
/// whose zone is not UTC.
pub fn encode_with_offset(nodes: &[Node], offset: impl Fn(Timestamp) -> i32) -> Result<Vec<u8>> {
    if let Some(pair) = nodes.windows(2).find(|pair| pair[0].name >= pair[1].name) {
        return Err(Problem::internal(format!(
            "a listing has “{}” twice or out of order",
            String::from_utf8_lossy(&pair[1].name)
        )));
    }
    let mut out = Vec::with_capacity(16 + nodes.len() * 420);
    out.extend_from_slice(b"{\"nodes\":[");
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_node(node, &offset, &mut out);
    }
    out.extend_from_slice(b"]}\n");
    Ok(out)
}

pub(crate) mod mode {
    pub(crate) const DIR: u32 = 1 << 31;
    pub(crate) const SYMLINK: u32 = 1 << 27;
    pub(crate) const DEVICE: u32 = 1 << 26;
    pub(crate) const FIFO: u32 = 1 << 25;
    pub(crate) const SOCKET: u32 = 1 << 24;
    pub(crate) const CHAR: u32 = 1 << 21;
    /// (bit of Go, bit of Unix)
    pub(crate) const SPECIAL: [(u32, u32); 3] = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];
}

fn word(kind: &FileKind) -> (&'static str, u32) {
    match kind {
        FileKind::File => ("file", 0),
        FileKind::Dir => ("dir", mode::DIR),
        FileKind::Symlink { .. } => ("symlink", mode::SYMLINK),
        FileKind::BlockDevice { .. } => ("dev", mode::DEVICE),
        FileKind::CharDevice { .. } => ("chardev", mode::DEVICE | mode::CHAR),
        FileKind::Fifo => ("fifo", mode::FIFO),
        FileKind::Socket => ("socket", mode::SOCKET),
    }
}

fn go_mode(meta: &Meta, kind_bits: u32) -> u32 {
    let special = mode::SPECIAL.iter().filter(|(_, unix)| meta.mode & unix != 0);
    special.fold(meta.mode & 0o777 | kind_bits, |sum, (go, _)| sum | go)
}

fn push_node(node: &Node, offset: &impl Fn(Timestamp) -> i32, out: &mut Vec<u8>) {
    let meta = &node.meta;
    let (kind, kind_bits) = word(&meta.kind);
    out.extend_from_slice(b"{\"name\":");
    push_name(&node.name, out);
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    push_nonzero(b",\"mode\":", u64::from(go_mode(meta, kind_bits)), out);
    push_times(meta, offset, out);
    out.extend_from_slice(b",\"uid\":");
    push_number(u64::from(meta.uid), out);
    out.extend_from_slice(b",\"gid\":");
    push_number(u64::from(meta.gid), out);
    push_text(b",\"user\":", meta.user.as_bytes(), out);
    push_text(b",\"group\":", meta.group.as_bytes(), out);
    push_nonzero(b",\"inode\":", meta.inode, out);
    push_nonzero(b",\"device_id\":", meta.device, out);
    push_by_kind(meta, out);
    push_xattrs(meta, out);
    if let Some(json) = &node.generic_attributes {
        out.extend_from_slice(b",\"generic_attributes\":");
        out.extend_from_slice(json.as_bytes());
    }
    if let FileKind::BlockDevice { device } | FileKind::CharDevice { device } = meta.kind {
        push_nonzero(b",\"device\":", device, out);
    }
    push_content(node, out);
    push_text(
        b",\"error\":",
        node.error.as_deref().unwrap_or_default().as_bytes(),
        out,
    );
    out.push(b'}');
}

/// The access time is the modification time; equal texts are made once.
fn push_times(meta: &Meta, offset: &impl Fn(Timestamp) -> i32, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"mtime\":");
    let start = out.len();
    push_time(meta.mtime, offset(meta.mtime), out);
    let same = start..out.len();
    out.extend_from_slice(b",\"atime\":");
    out.extend_from_within(same.clone());
    out.extend_from_slice(b",\"ctime\":");
    if meta.ctime == meta.mtime {
        out.extend_from_within(same);
    } else {
        push_time(meta.ctime, offset(meta.ctime), out);
    }
}

/// Size, links and link target: not every kind has them.
fn push_by_kind(meta: &Meta, out: &mut Vec<u8>) {
    if meta.is_file() {
        push_nonzero(b",\"size\":", meta.size, out);
    }
    if !matches!(meta.kind, FileKind::Dir | FileKind::Fifo | FileKind::Socket) {
        push_nonzero(b",\"links\":", meta.links, out);
    }
    if let FileKind::Symlink { target } = &meta.kind {
        let raw = target.as_os_str().as_encoded_bytes();
        push_text(b",\"linktarget\":", raw, out);
        if std::str::from_utf8(raw).is_err() {
            push_text(b",\"linktarget_raw\":", STANDARD.encode(raw).as_bytes(), out);
        }
    }
}

fn push_xattrs(meta: &Meta, out: &mut Vec<u8>) {
    for (at, attribute) in meta.xattrs.iter().enumerate() {
        out.extend_from_slice(if at == 0 {
            b",\"extended_attributes\":["
        } else {
            b","
        });
        out.extend_from_slice(b"{\"name\":");
        push_string(attribute.name.as_encoded_bytes(), out);
        out.extend_from_slice(b",\"value\":\"");
        out.extend_from_slice(STANDARD.encode(&attribute.value).as_bytes());
        out.extend_from_slice(b"\"}");
    }
    if !meta.xattrs.is_empty() {
        out.push(b']');
    }
}

fn push_content(node: &Node, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"content\":");
    if node.meta.is_file() {
        out.push(b'[');
        for (at, id) in node.content.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
            id.push_hex(out);
            out.push(b'"');
        }
        out.push(b']');
    } else {
        out.extend_from_slice(b"null");
    }
    if let (FileKind::Dir, Some(id)) = (&node.meta.kind, &node.subtree) {
        out.extend_from_slice(b",\"subtree\":\"");
        id.push_hex(out);
        out.push(b'"');
    }
}

fn push_text(key: &[u8], text: &[u8], out: &mut Vec<u8>) {
    if !text.is_empty() {
        out.extend_from_slice(key);
        push_string(text, out);
    }
}

fn push_nonzero(key: &[u8], number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        out.extend_from_slice(key);
        push_number(number, out);
    }
}
