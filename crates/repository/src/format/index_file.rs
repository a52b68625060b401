//! The JSON of an index file: packs and the blobs in them.
//!
//! Rules: all blobs of a pack stand in one index file, exactly as in its header. Read quickly: a large repository has millions
//! of entries.

use std::collections::HashMap;

use model::{Problem, Result};
use serde::Deserialize;

use super::go_json::push_number;
use super::pack::{BlobKind, PackEntry};
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
}

#[derive(Deserialize)]
struct RawIndex {
    #[serde(default)]
    packs: Option<Vec<RawPack>>,
    #[serde(default)]
    packs_to_delete: Option<Vec<RawPack>>,
}

#[derive(Deserialize)]
struct RawPack {
    id: Id,
    #[serde(default)]
    blobs: Option<Vec<RawBlob>>,
}

#[derive(Deserialize)]
struct RawBlob {
    id: Id,
    #[serde(rename = "type")]
    kind: RawKind,
    offset: u32,
    length: u32,
    #[serde(default)]
    uncompressed_length: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Data,
    Tree,
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
    let raw: RawIndex = serde_json::from_slice(json).map_err(|error| {
        let old = json.first() == Some(&b'[');
        let problem = Problem::damaged("an index file is malformed").caused_by(error);
        if old {
            problem.hint("it is of restic 0.1: run `cairn repository repair`")
        } else {
            problem
        }
    })?;
    let convert = |packs: Option<Vec<RawPack>>| packs.unwrap_or_default().into_iter().map(contents).collect();
    Ok(IndexFile {
        packs: convert(raw.packs),
        marked: convert(raw.packs_to_delete),
    })
}

fn contents(raw: RawPack) -> PackContents {
    let blob = |raw: RawBlob| PackEntry {
        kind: if matches!(raw.kind, RawKind::Tree) {
            BlobKind::Tree
        } else {
            BlobKind::Data
        },
        id: raw.id,
        offset: raw.offset,
        length: raw.length,
        plain_length: raw.uncompressed_length,
    };
    let mut blobs: Vec<PackEntry> = raw.blobs.unwrap_or_default().into_iter().map(blob).collect();
    blobs.sort_unstable_by_key(|blob| blob.offset);
    PackContents { id: raw.id, blobs }
}

/// Packs that several index files list, once each: the copy with the most blobs counts.
pub fn merge(files: impl IntoIterator<Item = Vec<PackContents>>) -> Vec<PackContents> {
    let mut seen: HashMap<Id, usize> = HashMap::new();
    let mut merged: Vec<PackContents> = Vec::new();
    for pack in files.into_iter().flatten() {
        match seen.get(&pack.id) {
            Some(&at) if merged[at].blobs.len() >= pack.blobs.len() => {}
            Some(&at) => merged[at] = pack,
            None => {
                seen.insert(pack.id, merged.len());
                merged.push(pack);
            }
        }
    }
    merged
}
