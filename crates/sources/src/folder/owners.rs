//! Names of users and groups, from `/etc/passwd` and `/etc/group`.
//!
//! Names are for people and for other machines; numbers are what counts on this one. A name that is not found is empty.

use std::collections::HashMap;
use std::fs;

/// Names by number, read once.
#[derive(Debug)]
pub(super) struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    pub(super) fn read() -> Self {
        Owners {
            users: names("/etc/passwd"),
            groups: names("/etc/group"),
        }
    }

    pub(super) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_default()
    }

    pub(super) fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).cloned().unwrap_or_default()
    }
}

/// `name:x:number:…`
fn names(path: &str) -> HashMap<u32, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    // The first line with a number is the one that counts.
    text.lines().rev().filter_map(parse).collect()
}
