//! What is looked for among names.
//!
//! Rules: without `*` and `?` it is a piece of the path, whatever its case; with them it is the whole name, where `*` stands for any number
//! of characters and `?` for one. It comes from outside, so it is bounded in length, and matching takes no more steps than the length of
//! the name times that of the pattern.

use crate::{Problem, Result};

/// Characters; names of files have no more.
pub const LONGEST_NEEDLE: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    text: String,
    has_wildcards: bool,
}

impl Needle {
    pub fn new(text: &str) -> Result<Self> {
        let length = text.chars().count();
        if !(1..=LONGEST_NEEDLE).contains(&length) {
            return Err(Problem::invalid(format!(
                "what is looked for has 1 to {LONGEST_NEEDLE} characters, and not {length}"
            ))
            .hint("give a piece of the path, or the name with * and ? in it"));
        }
        Ok(Needle {
            text: text.to_lowercase(),
            has_wildcards: text.contains(['*', '?']),
        })
    }

    pub fn fits(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        if !self.has_wildcards {
            return path.contains(&self.text);
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        fits(
            &name.chars().collect::<Vec<_>>(),
            &self.text.chars().collect::<Vec<_>>(),
        )
    }
}

/// Only the last `*` is ever gone back to: what an earlier one could take, the last one can take as well.
fn fits(name: &[char], pattern: &[char]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(of) {
            Some('*') => {
                star = Some((at, of));
                of += 1;
            }
            Some(c) if *c == '?' || *c == name[at] => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((from, place)) => {
                    star = Some((from + 1, place));
                    at = from + 1;
                    of = place + 1;
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits_of(pattern: &str, path: &str) -> bool {
        Needle::new(pattern).expect("a needle").fits(path)
    }

    #[test]
    fn a_piece_or_a_whole_name_with_wildcards() {
        for (pattern, path, expected) in [
            ("LEVEL", "world/level.dat", true),
            ("d/l", "world/level.dat", true),
            ("*.dat", "world/level.dat", true),
            ("*.dat", "world.dat/level", false),
            ("l?vel.*", "world/level.dat", true),
            ("?", "ä", true),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*a*", "bab", true),
        ] {
            assert_eq!(fits_of(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn stars_without_end_cost_no_more_than_their_number() {
        let pattern = format!("{}b", "a*".repeat(LONGEST_NEEDLE / 2 - 1));
        assert!(!fits_of(&pattern, &"a".repeat(4_000)));
        for text in [String::new(), "*".repeat(60_000)] {
            let problem = Needle::new(&text).expect_err("not a needle");
            assert!(problem.message().contains("1 to 1000 characters"), "{problem}");
        }
    }

    /// As it is defined; takes for ever on long ones.
    fn defined(name: &[char], pattern: &[char]) -> bool {
        match (name.split_first(), pattern.split_first()) {
            (None, None) => true,
            (_, Some(('*', rest))) => {
                defined(name, rest) || name.split_first().is_some_and(|(_, name)| defined(name, pattern))
            }
            (Some((_, name)), Some(('?', pattern))) => defined(name, pattern),
            (Some((a, name)), Some((b, pattern))) if a == b => defined(name, pattern),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_as_defined(name in "[ab]{0,10}", pattern in "[ab*?]{0,8}") {
            let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
            prop_assert_eq!(fits(&name, &pattern), defined(&name, &pattern));
        }
    }
}
