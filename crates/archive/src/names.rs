//! Names of entries, as strangers write them, made into paths that stay inside.
//!
//! Rules: refused are names that are empty, absolute, hold NUL or `..`, begin with a drive letter, are too long or too
//! deep, and names whose backslashes would lead outside where a backslash separates folders. `./` in front, `.` and
//! doubled `/` between and `/` at the end mean nothing and are dropped; the root itself becomes the empty path.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use model::Result;

use super::limits::Limits;
use super::refusal::refuse;

const LONGEST_COMPONENT: usize = 255;

pub(super) fn clean(raw: &[u8], limits: &Limits) -> Result<PathBuf> {
    if let Some(why) = wrong_as_a_whole(raw, limits) {
        return Err(refuse(raw, why));
    }
    let mut path = PathBuf::new();
    let mut depth = 0;
    for component in raw.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => return Err(refuse(raw, "leads out of the archive (`..`)")),
            long if long.len() > LONGEST_COMPONENT => {
                return Err(refuse(
                    raw,
                    "has a name that no file system holds (over 255 bytes)",
                ));
            }
            name => path.push(OsStr::from_bytes(name)),
        }
        depth += 1;
    }
    if depth > limits.depth {
        return Err(refuse(
            raw,
            format!("lies more than {} folders deep", limits.depth),
        ));
    }
    Ok(path)
}

fn wrong_as_a_whole(raw: &[u8], limits: &Limits) -> Option<String> {
    let why = match raw {
        [] => "has no name",
        [b'/' | b'\\', ..] => "is an absolute path",
        [letter, b':', ..] if letter.is_ascii_alphabetic() => "begins with the letter of a drive",
        name if name.contains(&0) => "has a NUL in its name",
        name if name.len() > limits.path => {
            return Some(format!("has a path of more than {} bytes", limits.path));
        }
        name if escapes_with_backslashes(name) => "leads out of the archive by its backslashes",
        _ => return None,
    };
    Some(why.to_owned())
}

fn escapes_with_backslashes(name: &[u8]) -> bool {
    name.contains(&b'\\')
        && name
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .any(|component| component == b"..")
}

/// The bytes of a path, for refusals.
pub(super) fn raw(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(raw: &[u8]) -> Option<PathBuf> {
        clean(raw, &Limits::default()).ok()
    }

    #[test]
    fn harmless_names_become_plain_paths() {
        for (raw, path) in [
            ("./a//b/./c/", "a/b/c"),
            ("a", "a"),
            ("./", ""),
            ("dev\\x2d1", "dev\\x2d1"),
            ("a..b/...", "a..b/..."),
        ] {
            assert_eq!(cleaned(raw.as_bytes()), Some(PathBuf::from(path)), "{raw}");
        }
    }

    #[test]
    fn names_that_lead_outside_are_refused() {
        let wrong: [&[u8]; 11] = [
            b"",
            b"/etc/passwd",
            b"\\windows",
            b"a/../b",
            b"..",
            b"a/..",
            b"..\\x",
            b"a\\..\\..\\x",
            b"C:\\x",
            b"c:x",
            b"a\0b",
        ];
        for raw in wrong {
            assert_eq!(cleaned(raw), None, "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn long_and_deep_names_are_refused() {
        assert_eq!(cleaned(&[b'a'; 256]), None);
        assert_eq!(cleaned("a/".repeat(129).as_bytes()), None);
        assert_eq!(
            cleaned(
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
                    .repeat(100)
                    .as_bytes()
            ),
            None
        );
    }
}
