//! What a check collects, and what it looks for in packs and listings.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::{Problem, Result};

use super::Finding;
use crate::Id;
use crate::format::index_file::PackContents;
use crate::format::pack::BlobKind;
use crate::format::tree::Node;
use crate::index::Index;

#[derive(Default)]
pub(super) struct Findings(Mutex<Vec<Finding>>);

impl Findings {
    pub(super) fn error(&self, text: String) {
        self.add(true, text);
    }

    pub(super) fn hint(&self, text: String) {
        self.add(false, text);
    }

    fn add(&self, is_error: bool, text: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Finding { is_error, text });
    }

    pub(super) fn problem(&self, what: &str, problem: &Problem) {
        self.error(format!("{what}: {}", problem.message()));
    }

    pub(super) fn sorted(self) -> Vec<Finding> {
        let mut findings = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        findings.sort_by(|a, b| (!a.is_error, &a.text).cmp(&(!b.is_error, &b.text)));
        findings.dedup();
        findings
    }
}

pub(super) fn take_pack(seen: &mut HashMap<Id, PackContents>, pack: PackContents, findings: &Findings) {
    let name = pack.id.short();
    if pack.blobs.windows(2).any(|pair| pair[0].kind != pair[1].kind) {
        findings.hint(format!(
            "pack {name} holds listings and data; prune separates them"
        ));
    }
    match seen.get(&pack.id) {
        Some(other) if *other == pack => {
            findings.hint(format!("pack {name} is in two index files; prune tidies that up"));
        }
        Some(_) => findings.error(format!("pack {name} is in two index files that differ")),
        None => {
            seen.insert(pack.id, pack);
        }
    }
}

pub(super) fn check_listing(index: &Index, id: &Id, nodes: Result<Vec<Node>>, findings: &Findings) {
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(problem) => return findings.problem(&format!("listing {}", id.short()), &problem),
    };
    if nodes.windows(2).any(|pair| pair[0].name >= pair[1].name) {
        findings.error(format!("listing {} has names twice or out of order", id.short()));
    }
    for node in &nodes {
        let name = String::from_utf8_lossy(&node.name);
        if let Some(why) = node.name_problem() {
            findings.error(format!(
                "listing {} has the unusable name “{name}”: {why}",
                id.short()
            ));
        }
        check_content(index, id, node, &name, findings);
    }
}

fn check_content(index: &Index, id: &Id, node: &Node, name: &str, findings: &Findings) {
    if !node.meta.is_file() {
        return;
    }
    let mut size = 0;
    for blob in &node.content {
        match index.find(BlobKind::Data, blob) {
            Some(location) => size += u64::from(location.entry.size()),
            None => {
                return findings.error(format!(
                    "“{name}” in listing {}: its piece {} is in no pack",
                    id.short(),
                    blob.short()
                ));
            }
        }
    }
    if size != node.meta.size {
        findings.error(format!(
            "“{name}” in listing {} should have {} bytes, its pieces have {size}",
            id.short(),
            node.meta.size
        ));
    }
}
