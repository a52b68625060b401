//! What a check collects, and what it looks for in packs and listings.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Problem, Result};

use super::Finding;
use crate::Id;
use crate::damage::{Damage, is_damage};
use crate::format::index_file::PackContents;
use crate::format::pack::BlobKind;
use crate::format::tree::Node;
use crate::index::Index;

#[derive(Default)]
pub(super) struct Findings {
    list: Mutex<Vec<Finding>>,
    damage: Mutex<Damage>,
}

impl Findings {
    pub(super) fn error(&self, text: String) {
        self.add(true, text);
    }

    pub(super) fn hint(&self, text: String) {
        self.add(false, text);
    }

    fn add(&self, is_error: bool, text: String) {
        lock(&self.list).push(Finding { is_error, text });
    }

    pub(super) fn problem(&self, what: &str, problem: &Problem) {
        self.error(format!("{what}: {}", problem.message()));
    }

    /// A pack that is not there, or not as it should be as a whole.
    pub(super) fn bad_pack(&self, pack: Id, text: String) {
        lock(&self.damage).add_pack(pack);
        self.error(text);
    }

    /// The same, and nothing is lost by it.
    pub(super) fn spare_pack(&self, pack: Id, text: String) {
        lock(&self.damage).add_pack(pack);
        self.hint(text);
    }

    /// A blob that does not open where it should lie. Is it damage, or could it merely not be read now?
    pub(super) fn bad_blob(&self, pack: Id, blob: Id, problem: &Problem, is_elsewhere: bool) {
        if is_damage(problem) {
            lock(&self.damage).add_blob(pack, blob);
        }
        let text = format!("pack {}: {}", pack.short(), problem.message());
        if is_elsewhere {
            self.hint(format!("{text}; it lies whole elsewhere, too"));
        } else {
            self.error(text);
        }
    }

    /// What earlier looks have found, and nobody has mended.
    pub(super) fn noted(&self, packs: &[PackContents], noted: &Damage) {
        for pack in packs.iter().filter(|pack| noted.touches(pack)) {
            let blobs = pack.blobs.iter();
            let bad = blobs.filter(|entry| noted.has_blob(&pack.id, &entry.id));
            self.error(format!(
                "pack {}: {} of its {} pieces were found damaged when they were last read",
                pack.id.short(),
                bad.count(),
                pack.blobs.len()
            ));
        }
        lock(&self.damage).add(noted.clone());
    }

    /// Could the damage be noted for the next backup? A check is none the worse for it.
    pub(super) fn kept(&self, noted: Result<()>) {
        if let Err(problem) = noted {
            self.hint(format!(
                "the damage could not be noted in the repository, so the next backup does not know of it: {}",
                problem.message()
            ));
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        lock(&self.list).iter().any(|finding| finding.is_error)
    }

    pub(super) fn damage(&self) -> Damage {
        lock(&self.damage).clone()
    }

    pub(super) fn sorted(self) -> Vec<Finding> {
        let mut findings = self.list.into_inner().unwrap_or_else(PoisonError::into_inner);
        findings.sort_by(|a, b| (!a.is_error, &a.text).cmp(&(!b.is_error, &b.text)));
        findings.dedup();
        findings
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
