//! `bench/RESULTS.md`: a section for each bench, between two comments.
//!
//! A full run of a bench replaces its own section and nothing else; what stands outside of the comments was written by hand (what is known of
//! the causes of missed goals) and stays.

use std::path::Path;

use crate::run::Outcome;

const RESULTS: &str = "bench/RESULTS.md";

fn begin(name: &str) -> String {
    format!("<!-- bench {name}: made by `cargo xtask bench {name}` -->")
}

fn end(name: &str) -> String {
    format!("<!-- end of bench {name} -->")
}

/// The page with this section in its place; a new one comes last.
fn replaced(page: &str, name: &str, section: &str) -> Outcome<String> {
    let (begin, end) = (begin(name), end(name));
    let new = format!("{begin}\n\n{}\n\n{end}", section.trim());
    let Some((before, rest)) = page.split_once(&begin) else {
        return Ok(format!("{}\n\n{new}\n", page.trim_end()));
    };
    match rest.split_once(&end) {
        Some((_, after)) => Ok(format!("{before}{new}{after}")),
        None => Err(format!(
            "{RESULTS} has a section {name:?} without an end: write `{end}` where it ends"
        )),
    }
}

pub(crate) fn write(root: &Path, name: &str, section: &str) -> Outcome {
    let path = root.join(RESULTS);
    let page = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {RESULTS}: {error}"))?;
    let page = replaced(&page, name, section)?;
    std::fs::write(&path, page).map_err(|error| format!("cannot write {RESULTS}: {error}"))?;
    println!("the section {name:?} of {RESULTS} is written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_what_was_written_by_hand_stays() {
        let page = "# Results\n\nBy hand.\n";
        let one = replaced(page, "engine", "one\n").unwrap_or_else(|sentence| panic!("{sentence}"));
        let two = replaced(&one, "door", "two").unwrap_or_else(|sentence| panic!("{sentence}"));
        let two = two.replace(
            "<!-- end of bench engine -->",
            "<!-- end of bench engine -->\n\nBecause.",
        );
        let again = replaced(&two, "engine", "three").unwrap_or_else(|sentence| panic!("{sentence}"));
        assert_eq!(again, two.replace("one", "three"));
        assert!(again.starts_with(page) && again.contains("Because.") && again.contains("\n\ntwo\n\n"));
    }

    #[test]
    fn a_section_without_an_end_is_not_guessed_at() {
        let page = begin("engine");
        assert!(
            replaced(&page, "engine", "x").is_err_and(|sentence| sentence.contains("end of bench engine"))
        );
    }
}
