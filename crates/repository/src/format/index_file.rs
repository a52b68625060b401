//! The JSON of an index file: packs and the blobs in them.
//!
//! Rules: all blobs of a pack stand in one index file, exactly as in its header. Read quickly: a large repository has millions
//! of entries.

use std::collections::HashMap;

use model::{Problem, Result};

use super::go_json::push_number;
use super::json_pull::{Parsed, Pull};
use super::pack::{BlobKind, PackEntry};
use super::seal::OVERHEAD;
use crate::Id;

/// A pack and what lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackContents {
    pub id: Id,
    pub blobs: Vec<PackEntry>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct IndexFile {
    pub packs: Vec<PackContents>,
    /// Packs that rustic's pruning has marked; blobs that are found nowhere else may be read from them.
    pub marked: Vec<PackContents>,
    /// Index files that this one once replaced; of historical interest.
    pub supersedes: Vec<Id>,
}

pub fn encode(packs: &[PackContents]) -> Vec<u8> {
    let count: usize = packs.iter().map(|pack| pack.blobs.len()).sum();
    let mut out = Vec::with_capacity(64 + packs.len() * 96 + count * 160);
    out.extend_from_slice(b"{\"packs\":[");
    for (at, pack) in packs.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"id\":\"" } else { b",{\"id\":\"" });
        pack.id.push_hex(&mut out);
        out.extend_from_slice(b"\",\"blobs\":[");
        pack.blobs
            .iter()
            .enumerate()
            .for_each(|(at, blob)| push_blob(at, blob, &mut out));
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}\n");
    out
}

fn push_blob(at: usize, blob: &PackEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(if at == 0 { b"{\"id\":\"" } else { b",{\"id\":\"" });
    blob.id.push_hex(out);
    out.extend_from_slice(match blob.kind {
        BlobKind::Data => b"\",\"type\":\"data\",\"offset\":",
        BlobKind::Tree => b"\",\"type\":\"tree\",\"offset\":",
    });
    push_number(u64::from(blob.offset), out);
    out.extend_from_slice(b",\"length\":");
    push_number(u64::from(blob.length), out);
    if blob.plain_length > 0 {
        out.extend_from_slice(b",\"uncompressed_length\":");
        push_number(u64::from(blob.plain_length), out);
    }
    out.push(b'}');
}

pub fn decode(json: &[u8]) -> Result<IndexFile> {
    let malformed = |why: String| Problem::damaged(format!("an index file is malformed: {why}"));
    if json.first() == Some(&b'[') {
        return Err(malformed("it is of restic 0.1".into()).hint("run `cairn repository repair`"));
    }
    let text = std::str::from_utf8(json).map_err(|error| malformed(error.to_string()))?;
    let mut pull = Pull::new(text);
    let file = index_file(&mut pull);
    file.map_err(|expected| malformed(format!("expected {expected} before byte {}", pull.at())))
}

#[derive(Clone, Copy)]
enum Field {
    Packs,
    Marked,
    Supersedes,
}

fn index_file(pull: &mut Pull<'_>) -> Parsed<IndexFile> {
    let table = [
        ("supersedes", Field::Supersedes),
        ("packs", Field::Packs),
        ("packs_to_delete", Field::Marked),
    ];
    let mut file = IndexFile::default();
    pull.fields(&table, |pull, field| {
        match field {
            Field::Packs => file.packs = pull.items(contents)?,
            Field::Marked => file.marked = pull.items(contents)?,
            Field::Supersedes => file.supersedes = pull.items(Pull::id)?,
        }
        Ok(())
    })?;
    pull.end()?;
    Ok(file)
}

fn contents(pull: &mut Pull<'_>) -> Parsed<PackContents> {
    let (mut id, mut blobs) = (None, Vec::new());
    pull.fields(&[("id", true), ("blobs", false)], |pull, is_id| {
        if is_id {
            id = Some(pull.id()?);
        } else {
            blobs = pull.items(blob)?;
        }
        Ok(())
    })?;
    let id = id.ok_or("the id of a pack")?;
    blobs.sort_by_key(|blob| blob.offset);
    Ok(PackContents { id, blobs })
}

#[derive(Clone, Copy)]
enum Part {
    Id,
    Kind,
    Offset,
    Length,
    PlainLength,
}

const PARTS: [(&str, Part); 5] = [
    ("id", Part::Id),
    ("type", Part::Kind),
    ("offset", Part::Offset),
    ("length", Part::Length),
    ("uncompressed_length", Part::PlainLength),
];

fn blob(pull: &mut Pull<'_>) -> Parsed<PackEntry> {
    let (mut id, mut kind) = (None, None);
    let (mut offset, mut length, mut plain_length) = (0, 0, 0);
    pull.fields(&PARTS, |pull, part| {
        match part {
            Part::Id => id = Some(pull.id()?),
            Part::Kind => kind = Some(blob_kind(&pull.string()?)?),
            Part::Offset => offset = pull.small()?,
            Part::Length => length = pull.small()?,
            Part::PlainLength => plain_length = pull.small()?,
        }
        Ok(())
    })?;
    if (length as usize) < OVERHEAD || offset.checked_add(length).is_none() {
        return Err("a possible place of a blob");
    }
    Ok(PackEntry {
        kind: kind.ok_or("the type of a blob")?,
        id: id.ok_or("the id of a blob")?,
        offset,
        length,
        plain_length,
    })
}

fn blob_kind(word: &str) -> Parsed<BlobKind> {
    match word {
        "data" => Ok(BlobKind::Data),
        "tree" => Ok(BlobKind::Tree),
        _ => Err("`data` or `tree`"),
    }
}

/// Packs that several index files list, once each. What only one of them knows of a pack counts too: old versions of restic
/// spread a pack over two files.
pub fn merge(files: impl IntoIterator<Item = Vec<PackContents>>) -> Vec<PackContents> {
    let mut seen: HashMap<Id, usize> = HashMap::new();
    let mut merged: Vec<PackContents> = Vec::new();
    for pack in files.into_iter().flatten() {
        if let Some(&at) = seen.get(&pack.id) {
            unite(&mut merged[at].blobs, pack.blobs);
        } else {
            seen.insert(pack.id, merged.len());
            merged.push(pack);
        }
    }
    merged
}

/// Both are in ascending order of offsets, and so is the union.
fn unite(known: &mut Vec<PackEntry>, more: Vec<PackEntry>) {
    if *known == more {
        return;
    }
    known.extend(more);
    known.sort_by_key(|blob| (blob.offset, blob.id, blob.kind, blob.length, blob.plain_length));
    known.dedup();
}
