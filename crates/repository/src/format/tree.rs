//! Tree blobs: the listing of one directory.
//!
//! Nouns: a [`Node`] is one entry; its name is kept as raw bytes, its metadata as `model::Meta`.
//! Rules: written byte for byte as restic writes it (in UTC, access time = modification time), names strictly ascending; read in any
//! order of keys, with unknown keys passed over. Names are not trusted: ask [`Node::name_problem`] before using one on a disk.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{FileKind, Meta, Problem, Result};

use super::go_json::{push_string, push_time, quote};
use crate::Id;

#[path = "tree_read.rs"]
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

/// The blob of a directory; nodes must be in strictly ascending order of their names.
pub fn encode(nodes: &[Node]) -> Result<Vec<u8>> {
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
        push_node(node, &mut out);
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

fn push_node(node: &Node, out: &mut Vec<u8>) {
    let meta = &node.meta;
    let (kind, kind_bits) = word(&meta.kind);
    out.extend_from_slice(b"{\"name\":");
    push_string(&quote(&node.name), out);
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    push_number(b",\"mode\":", u64::from(go_mode(meta, kind_bits)), out);
    for (key, time) in [
        (b",\"mtime\":", meta.mtime),
        (b",\"atime\":", meta.mtime),
        (b",\"ctime\":", meta.ctime),
    ] {
        out.extend_from_slice(key);
        push_time(time, out);
    }
    push_always(b",\"uid\":", u64::from(meta.uid), out);
    push_always(b",\"gid\":", u64::from(meta.gid), out);
    push_text(b",\"user\":", &meta.user, out);
    push_text(b",\"group\":", &meta.group, out);
    push_number(b",\"inode\":", meta.inode, out);
    push_number(b",\"device_id\":", meta.device, out);
    push_by_kind(meta, out);
    push_xattrs(meta, out);
    if let FileKind::BlockDevice { device } | FileKind::CharDevice { device } = meta.kind {
        push_number(b",\"device\":", device, out);
    }
    push_content(node, out);
}

/// Size, links and link target: not every kind has them.
fn push_by_kind(meta: &Meta, out: &mut Vec<u8>) {
    if meta.is_file() {
        push_number(b",\"size\":", meta.size, out);
    }
    if !matches!(meta.kind, FileKind::Dir | FileKind::Fifo | FileKind::Socket) {
        push_number(b",\"links\":", meta.links, out);
    }
    if let FileKind::Symlink { target } = &meta.kind {
        let raw = target.as_os_str().as_encoded_bytes();
        match String::from_utf8_lossy(raw) {
            Cow::Borrowed(text) => push_text(b",\"linktarget\":", text, out),
            Cow::Owned(_) => {
                push_text(b",\"linktarget\":", &go_lossy(raw), out);
                push_text(b",\"linktarget_raw\":", &STANDARD.encode(raw), out);
            }
        }
    }
}

/// Go replaces every invalid byte, one by one.
fn go_lossy(raw: &[u8]) -> String {
    let mut text = String::new();
    for chunk in raw.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text
}

fn push_xattrs(meta: &Meta, out: &mut Vec<u8>) {
    for (at, attribute) in meta.xattrs.iter().enumerate() {
        out.extend_from_slice(if at == 0 {
            b",\"extended_attributes\":["
        } else {
            b","
        });
        out.extend_from_slice(b"{\"name\":");
        push_string(&go_lossy(attribute.name.as_encoded_bytes()), out);
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
    out.push(b'}');
}

fn push_text(key: &[u8], text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        out.extend_from_slice(key);
        push_string(text, out);
    }
}

fn push_number(key: &[u8], number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        push_always(key, number, out);
    }
}

fn push_always(key: &[u8], mut number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
