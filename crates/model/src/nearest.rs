//! “Did you mean …?”: the known word that a mistyped one most likely stands for.
//!
//! Rules: only a word that is near is offered (about one slip per three letters), so that a wrong guess
//! is rarer than none; case, spaces, hyphens and underscores do not count as differences; of equally
//! near words the first wins.

/// The candidate nearest to the word, if any is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(word);
    let allowed = wanted.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&wanted, &folded(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= allowed && *distance < folded(candidate).len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The letters and digits of a name, without case: `Forum Topics` and `forum-topics` are one.
pub(crate) fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, ' ' | '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}
