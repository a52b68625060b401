//! Words that must not stand in any file.
//!
//! Marks of unfinished work, and paths of the machine on which somebody happened to write a file.

use super::finding::Finding;
use super::project::Project;
use crate::files::File;

/// Written apart, so that this file may hold them.
const UNFINISHED: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!("),
];
const PLACES: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/var/", "tmp/"),
    concat!("/tmp/", "bash"),
    concat!("/ro", "ot/."),
];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    project
        .files
        .iter()
        .filter(|file| file.path != "Cargo.lock")
        .flat_map(check_one)
        .collect()
}

fn check_one(file: &File) -> Vec<Finding> {
    let numbered = file
        .text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    let of_line = |(number, line)| {
        let unfinished = UNFINISHED
            .into_iter()
            .filter(move |mark| stands_alone(line, mark));
        let unfinished = unfinished.map(move |mark| finding(file, number, mark, true));
        let places = PLACES.into_iter().filter(move |place| begins_a_path(line, place));
        unfinished.chain(places.map(move |place| finding(file, number, place, false)))
    };
    numbered.flat_map(of_line).collect()
}

fn finding(file: &File, line: usize, word: &str, unfinished: bool) -> Finding {
    let (why, remedy) = if unfinished {
        (
            "what lands is finished; what is not finished does not land",
            "do it now, or describe it in an issue",
        )
    } else {
        (
            "a path of one machine means nothing on another",
            "name the place relative to the project, or read it from the environment",
        )
    };
    Finding {
        path: file.path.clone(),
        line,
        what: format!("the text `{word}`"),
        why,
        remedy: remedy.to_owned(),
    }
}

/// The mark is no part of a longer word.
fn stands_alone(line: &str, mark: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(mark)
        .any(|(start, _)| !line[..start].ends_with(joins) && !line[start + mark.len()..].starts_with(joins))
}

/// The place stands at the beginning of a path, not in its middle as in `src/work/queue.rs`.
fn begins_a_path(line: &str, place: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '*' | '>' | '~');
    line.match_indices(place)
        .any(|(start, _)| !line[..start].ends_with(joins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(line: &str) -> usize {
        check(&Project::sample(&[("docs/a.md", line)])).len()
    }

    #[test]
    fn marks_of_unfinished_work_are_found_as_words_only() {
        assert_eq!(count(&format!("a {} b", UNFINISHED[0])), 1);
        assert_eq!(count(&format!("the key {}X", UNFINISHED[2])), 0);
    }

    #[test]
    fn a_path_of_a_machine_is_found_and_a_folder_of_ours_is_not() {
        assert_eq!(count(&format!("see {}main", PLACES[0])), 1);
        assert_eq!(count(&format!("crates/service/src{}queue.rs", PLACES[0])), 0);
    }
}
