//! Which snapshots cannot be restored whole.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use model::{Cancel, Progress, Result};

use crate::Id;
use crate::damage::Damage;
use crate::format::pack::BlobKind;
use crate::format::snapshot::Snapshot;
use crate::format::tree::Node;
use crate::index::Index;
use crate::repository::Repository;
use crate::used::storage_is_there;

/// Listings that are hurt themselves, and which lies in which.
#[derive(Default)]
struct Hurt {
    listings: Vec<Id>,
    /// From a listing to those that name it.
    above: HashMap<Id, Vec<Id>>,
}

impl Repository {
    /// Those that reach a listing which cannot be read, or a piece of a file that lies nowhere but in damaged places.
    pub(crate) fn affected(
        &self,
        index: &Index,
        snapshots: &[Snapshot],
        damage: &Damage,
        cancel: &Cancel,
    ) -> Result<Vec<Id>> {
        let hurt = Mutex::new(Hurt::default());
        let roots = snapshots.iter().map(|snapshot| snapshot.tree);
        self.walk_used(index, roots, &Progress::new(), cancel, &|id, nodes| {
            storage_is_there(&nodes)?;
            let mut hurt = hurt.lock().unwrap_or_else(PoisonError::into_inner);
            match nodes {
                Ok(nodes) => hurt.take_in(*id, &nodes, index, damage),
                Err(_) => hurt.listings.push(*id),
            }
            Ok(())
        })?;
        let reached = hurt.into_inner().unwrap_or_else(PoisonError::into_inner).all();
        let snapshots = snapshots.iter();
        let affected = snapshots.filter(|snapshot| reached.contains(&snapshot.tree));
        Ok(affected.map(|snapshot| snapshot.id).collect())
    }
}

impl Hurt {
    fn take_in(&mut self, id: Id, nodes: &[Node], index: &Index, damage: &Damage) {
        let is_in_order = nodes.windows(2).all(|pair| pair[0].name < pair[1].name);
        if !is_in_order || !nodes.iter().all(|node| is_whole(node, index, damage)) {
            self.listings.push(id);
        }
        for below in nodes.iter().filter_map(|node| node.subtree) {
            self.above.entry(below).or_default().push(id);
        }
    }

    /// Everything above what is hurt is hurt.
    fn all(self) -> HashSet<Id> {
        let mut reached = HashSet::new();
        let mut open = self.listings;
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(self.above.get(&id).into_iter().flatten());
            }
        }
        reached
    }
}

/// Can the entry itself be restored, whatever lies below it?
fn is_whole(node: &Node, index: &Index, damage: &Damage) -> bool {
    let found = node
        .content
        .iter()
        .filter_map(|piece| index.find(BlobKind::Data, piece));
    let size: u64 = found.map(|place| u64::from(place.entry.size())).sum();
    node.name_problem().is_none()
        && node.content.iter().all(|piece| is_sound(index, piece, damage))
        && (!node.meta.is_file() || size == node.meta.size)
}

/// Does a piece of a file lie in a place that is not damaged?
pub(crate) fn is_sound(index: &Index, piece: &Id, damage: &Damage) -> bool {
    let mut places = index.find_all(BlobKind::Data, piece).into_iter();
    places.any(|place| !damage.has(&place))
}
