//! The path of the entry that is looked at.
//!
//! One buffer that grows and shrinks by a name, for the path from the root of the file system and the one from the root of the walk alike:
//! a path for each of hundreds of thousands of entries is not built anew.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(super) struct Way {
    bytes: Vec<u8>,
    /// Where the part begins that is relative to the root of the walk.
    relative: usize,
    /// How long it was before each name.
    before: Vec<usize>,
}

impl Way {
    pub(super) fn from(root: &Path) -> Self {
        let mut bytes = root.as_os_str().as_bytes().to_vec();
        if bytes.last() != Some(&b'/') {
            bytes.push(b'/');
        }
        Way {
            relative: bytes.len(),
            bytes,
            before: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, name: &[u8]) {
        self.before.push(self.bytes.len());
        if self.bytes.len() > self.relative {
            self.bytes.push(b'/');
        }
        self.bytes.extend_from_slice(name);
    }

    pub(super) fn pop(&mut self) {
        if let Some(length) = self.before.pop() {
            self.bytes.truncate(length);
        }
    }

    pub(super) fn full(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes))
    }

    pub(super) fn relative(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes[self.relative..]))
    }
}
