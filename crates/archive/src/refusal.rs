//! The words in which an archive from outside is refused.
//!
//! Every refusal says which entry and why. Names come from strangers: they are shown with control characters escaped
//! and cut when they are long.

use model::{Kind, Problem};

const SHOWN: usize = 160;

/// A name as it can be put before a person.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut safe: String = text
        .chars()
        .take(SHOWN)
        .map(|c| {
            if c.is_control() || is_direction(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        safe.push('…');
    }
    safe
}

/// Characters that turn the reading direction make one name look like another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn refuse(name: &[u8], why: impl std::fmt::Display) -> Problem {
    Problem::invalid(format!("the archive is refused: “{}” {why}", shown(name)))
        .hint("nothing was imported; make the archive anew without this entry, or take an untouched copy")
}

pub(super) fn refuse_whole(why: impl std::fmt::Display) -> Problem {
    Problem::invalid(format!("the archive is refused: {why}"))
        .hint("nothing was imported; take an untouched copy of the archive")
}

pub(super) fn too_large(what: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::TooLarge, format!("the archive is refused: {what}"))
        .hint("nothing was imported; an administrator may raise the limits of imports")
}

pub(super) fn passphrase_wanted(name: &[u8]) -> Problem {
    Problem::new(
        Kind::WrongPassword,
        format!(
            "the archive is encrypted (“{}” is): its passphrase is needed",
            shown(name)
        ),
    )
    .hint("give the passphrase that the archive was made with")
}

pub(super) fn passphrase_wrong(name: &[u8]) -> Problem {
    Problem::new(
        Kind::WrongPassword,
        format!("the passphrase does not open “{}”", shown(name)),
    )
    .hint("try again with the passphrase that the archive was made with; upper and lower case matter")
}
