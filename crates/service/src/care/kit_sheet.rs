//! The words of a recovery kit: passwords for people, the sheet to print, and the check that the sheet is right.
//!
//! Rules: a password has at least 256 bits, in small letters and digits that nobody takes for one another, in groups of
//! four; no blanks at its ends, nothing that a shell or a form would change. What a person types is compared in
//! constant time; groups may be typed with blanks, without separators and in capitals, as long as the password was made
//! here; any other password has to be typed as it is.

use model::{Problem, Random, Result};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Without `0 1 i l o`.
const LETTERS: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";
const GROUP: usize = 4;
/// 52 letters of 31: 257 bits.
const LENGTH: usize = 52;
/// Draws before the generator is taken for broken: it would have to miss one letter of 32 all the time.
const MOST_DRAWS: usize = 64;

/// What is printed.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    pub repository: &'a str,
    pub password: &'a str,
    /// Commands for stock restic.
    pub restic: &'a [String],
    /// Commands for Cairn on a new machine.
    pub cairn: &'a [String],
    /// The day, as it is to be read.
    pub made: &'a str,
}

/// A new password: `k3f9-…`, thirteen groups.
pub fn password(random: &dyn Random) -> Result<String> {
    let mut letters = Vec::with_capacity(LENGTH);
    for _ in 0..MOST_DRAWS {
        let mut bytes = [0; LENGTH];
        random.fill(&mut bytes)?;
        let drawn = bytes
            .iter()
            .filter_map(|byte| LETTERS.get(usize::from(byte & 31)));
        letters.extend(drawn.take(LENGTH - letters.len()));
        if letters.len() == LENGTH {
            let groups: Vec<&[u8]> = letters.chunks(GROUP).collect();
            return Ok(String::from_utf8_lossy(&groups.join(&b'-')).into_owned());
        }
    }
    Err(
        Problem::internal("the generator of random bytes gives the same bytes over and over")
            .hint("no password was made; check the machine's random generator"),
    )
}

/// Is what was typed this password?
pub fn is_same(typed: &str, password: &str) -> bool {
    let exact = equal(typed.trim_matches(['\n', '\r']), password);
    let loose = is_of_ours(password) & equal(&joined(typed), &joined(password));
    exact | loose
}

/// Hashes are compared, so that not even the length shows.
fn equal(one: &str, other: &str) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}

fn is_of_ours(password: &str) -> bool {
    let letters = password.split('-').flat_map(str::bytes);
    password.split('-').all(|group| group.len() == GROUP)
        && letters.clone().count() == LENGTH
        && letters.clone().all(|letter| LETTERS.contains(&letter))
}

/// In small letters, without what separates groups: blanks, and dashes of any length.
fn joined(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The sheet as plain text, 80 columns but for long addresses.
pub fn sheet(kit: &Sheet<'_>) -> String {
    let commands = |lines: &[String]| {
        lines
            .iter()
            .fold(String::new(), |text, line| text + "    " + line + "\n")
    };
    format!(
        "\
CAIRN RECOVERY KIT                                          {made}

Whoever holds this sheet can read every backup in the repository. Keep it away
from the machine that is backed up: on paper, or in a password manager.

Repository
    {repository}

Password (small letters and digits; no 0, 1, i, l, o in one that Cairn made)
    {password}

With Cairn, on a new machine
{cairn}
With stock restic (https://restic.net), even if Cairn were gone
{restic}
{newer}

Both ask for the password. Try it today: `cairn kit check`.
",
        made = kit.made,
        repository = kit.repository,
        password = kit.password,
        cairn = commands(kit.cairn),
        restic = commands(kit.restic),
        newer = crate::care::kit::NEWER_BACKUPS,
    )
}
