//! Choosing parts: by name, by category, or everything.
//!
//! Rules: nothing chosen, or `all`, is everything. A word is first taken as a part, then as a category
//! (all its parts); exactly, else without regard to case, spaces, hyphens and underscores. A word that is
//! neither is refused with what there is. The result has the order of the parts and each part once.

use crate::nearest::folded;
use crate::{Problem, Result, nearest};

/// A part that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRef<'a> {
    pub name: &'a str,
    /// Empty when it has none.
    pub category: &'a str,
}

/// The names of the chosen parts.
pub fn choose(wanted: &[String], parts: &[PartRef<'_>]) -> Result<Vec<String>> {
    let mut is_chosen = vec![wanted.is_empty(); parts.len()];
    for word in wanted {
        for at in meant(word, parts)? {
            is_chosen[at] = true;
        }
    }
    let chosen = parts.iter().zip(is_chosen).filter(|(_, chosen)| *chosen);
    Ok(chosen.map(|(part, _)| part.name.to_owned()).collect())
}

/// The positions of what one word means.
fn meant(word: &str, parts: &[PartRef<'_>]) -> Result<Vec<usize>> {
    let plain = folded(word);
    let tests: [&dyn Fn(&PartRef<'_>) -> bool; 5] = [
        &|part| part.name == word,
        &|part| !part.category.is_empty() && part.category == word,
        &|part| folded(part.name) == plain,
        &|part| !part.category.is_empty() && folded(part.category) == plain,
        &|_| plain == "all",
    ];
    let positions = |test: &dyn Fn(&PartRef<'_>) -> bool| -> Vec<usize> {
        parts
            .iter()
            .enumerate()
            .filter(|(_, part)| test(part))
            .map(|(at, _)| at)
            .collect()
    };
    tests
        .iter()
        .map(|test| positions(*test))
        .find(|found| !found.is_empty())
        .ok_or_else(|| unknown(word, parts))
}

fn unknown(word: &str, parts: &[PartRef<'_>]) -> Problem {
    let mut categories: Vec<&str> = parts
        .iter()
        .map(|part| part.category)
        .filter(|c| !c.is_empty())
        .collect();
    categories.dedup();
    let names: Vec<&str> = parts.iter().map(|part| part.name).collect();
    let question = match nearest(word, names.iter().chain(&categories).copied()) {
        Some(near) => format!(": did you mean “{near}”?"),
        None => String::new(),
    };
    let listed = match (names.is_empty(), categories.is_empty()) {
        (true, _) => "there are no parts".to_owned(),
        (_, true) => format!("parts: {}", names.join(", ")),
        (_, false) => format!(
            "parts: {}; categories: {}",
            names.join(", "),
            categories.join(", ")
        ),
    };
    Problem::invalid(format!("there is no part “{word}”{question}")).hint(listed)
}
