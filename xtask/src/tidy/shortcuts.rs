//! Ways around the compiler, the tests or the doors.
//!
//! A silenced warning about dead code hides dead code; an ignored test proves nothing; a sleeping test is slow and
//! flickers; a library that prints talks past the door that called it.

use super::finding::Finding;
use super::project::Project;
use super::tokens::Token;
use crate::files::File;

const PRINTS: [&str; 4] = ["print", "println", "eprint", "eprintln"];
/// The rooms that only return: nobody has given them a terminal.
const SILENT: [&str; 5] = [
    "crates/model/",
    "crates/repository/",
    "crates/sources/",
    "crates/catalog/",
    "crates/service/",
];

type Complaint = (String, &'static str, &'static str);

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, tokens) in project.rust() {
        for place in 0..tokens.len() {
            let here = &tokens[place..];
            let complaint = silenced(here)
                .or_else(|| sleeps(here))
                .or_else(|| prints(file, here));
            found.extend(complaint.map(|(what, why, remedy)| Finding {
                path: file.path.clone(),
                line: tokens[place].line,
                what,
                why,
                remedy: remedy.to_owned(),
            }));
        }
    }
    found
}

/// `#[ignore]`, `#[allow(dead_code)]` and the like. Attributes stand between brackets in the list of tokens.
fn silenced(here: &[Token]) -> Option<Complaint> {
    let (open, rest) = here.split_first()?;
    let partner = open.opens(proc_macro2::Delimiter::Bracket)?;
    let first = rest.first()?;
    if first.is_word("ignore") && partner > 0 {
        let why = "a test that does not run proves nothing";
        return Some((
            "an ignored test".to_owned(),
            why,
            "make it pass, or skip it visibly when a tool is missing",
        ));
    }
    if !first.is_word("allow") {
        return None;
    }
    let hidden = rest
        .get(2)?
        .word()
        .filter(|word| matches!(*word, "dead_code" | "unused" | "unused_variables"))?;
    let why = "code that nobody calls is not tested by anybody";
    Some((format!("`allow({hidden})`"), why, "remove the code, or call it"))
}

fn sleeps(here: &[Token]) -> Option<Complaint> {
    let [word, open, ..] = here else { return None };
    let call =
        word.in_test && word.is_word("sleep") && open.opens(proc_macro2::Delimiter::Parenthesis).is_some();
    let why = "a test that waits for time to pass is slow on one machine and fails on another";
    let remedy = "hand in a `FakeClock`, or wait for the event itself: a channel, a file, a line of output";
    call.then(|| ("a sleeping test".to_owned(), why, remedy))
}

fn prints(file: &File, here: &[Token]) -> Option<Complaint> {
    let [word, bang, ..] = here else { return None };
    let silent = SILENT.iter().any(|room| file.path.starts_with(room));
    let name = PRINTS
        .into_iter()
        .find(|name| word.is_word(name) && bang.is_sign('!'))?;
    let why = "the room does not know whether anybody is at a terminal; the doors render";
    let remedy = "return it, or report it through `Progress` or the job's log";
    (silent && !word.in_test).then(|| (format!("`{name}!` in a room that only returns"), why, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Project::sample(&[(path, text)]))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn ignored_tests_and_hidden_dead_code_are_found() {
        assert_eq!(
            found("crates/a/src/a.rs", "#[test] #[ignore = \"slow\"] fn a() {}"),
            ["an ignored test"]
        );
        assert_eq!(
            found("crates/a/src/a.rs", "#[allow(dead_code)] fn a() {}"),
            ["`allow(dead_code)`"]
        );
        assert!(
            found(
                "crates/a/src/a.rs",
                "#[allow(clippy::too_many_arguments)] fn a() {}"
            )
            .is_empty()
        );
    }

    #[test]
    fn tests_do_not_sleep_but_workers_may() {
        let text = "fn a() { std::thread::sleep(pause); }";
        assert_eq!(found("crates/a/tests/all/a.rs", text), ["a sleeping test"]);
        assert!(found("crates/a/src/a.rs", text).is_empty());
    }

    #[test]
    fn only_doors_and_tests_print() {
        assert_eq!(found("crates/model/src/a.rs", "fn a() { println!(); }").len(), 1);
        assert!(found("crates/cairn/src/a.rs", "fn a() { println!(); }").is_empty());
        assert!(found("crates/model/tests/all/a.rs", "fn a() { println!(); }").is_empty());
    }
}
