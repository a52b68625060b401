//! Functions fit on a screen, files can be read in one sitting.
//!
//! A function counts from its `fn` to its closing brace, comments included; tests count like all other code. Nested
//! functions and functions inside macros are seen as well.

use proc_macro2::Delimiter;

use super::finding::Finding;
use super::project::Project;
use super::tokens::Token;
use crate::files::File;

const LONGEST_FUNCTION: usize = 70;
const LONGEST_FILE: usize = 400;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let functions = project
        .rust()
        .flat_map(|(file, tokens)| long_functions(file, tokens));
    functions
        .chain(project.files.iter().filter_map(long_file))
        .collect()
}

fn long_functions(file: &File, tokens: &[Token]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, pair) in tokens.windows(2).enumerate() {
        let Some(name) = pair[1].word().filter(|_| pair[0].is_word("fn")) else {
            continue;
        };
        let Some(last) = last_line(tokens, place) else {
            continue;
        };
        let lines = last - pair[0].line + 1;
        if lines > LONGEST_FUNCTION {
            found.push(Finding {
                path: file.path.clone(),
                line: pair[0].line,
                what: format!("the function `{name}` has {lines} lines; {LONGEST_FUNCTION} are allowed"),
                why: "what does not fit on a screen is not understood as a whole",
                remedy: format!(
                    "split `{name}` into steps with names of their own, each a function, so that it reads as their list"
                ),
            });
        }
    }
    found
}

/// The line of the closing brace of the function at `place`; a declaration without a body has none.
fn last_line(tokens: &[Token], place: usize) -> Option<usize> {
    let mut next = place;
    while let Some(token) = tokens.get(next) {
        if token.is_sign(';') {
            return None;
        }
        if let Some(partner) = token.opens(Delimiter::Brace) {
            return Some(tokens[partner].line);
        }
        let inner = [Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::None];
        next = inner
            .iter()
            .find_map(|delimiter| token.opens(*delimiter))
            .unwrap_or(next)
            + 1;
    }
    None
}

fn long_file(file: &File) -> Option<Finding> {
    let code = file.is_rust() || file.ends_in("js") || file.path.starts_with(".ci/");
    let lines = file.text.lines().count();
    (code && lines > LONGEST_FILE).then(|| Finding {
        path: file.path.clone(),
        line: LONGEST_FILE + 1,
        what: format!("the file has {lines} lines; {LONGEST_FILE} are allowed"),
        why: "a long file holds more than one thing",
        remedy: "move one of its nouns into a file of its own that bears that noun's name".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "//! Head.\nimpl A {{ fn f(x: [u8; 2]) {{\n{}}} }}",
            "call();\n".repeat(lines - 2)
        )
    }

    #[test]
    fn seventy_lines_pass_and_seventy_one_do_not() {
        let project = Project::sample(&[("a.rs", &function(70)), ("b.rs", &function(71))]);
        let found = check(&project);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("b.rs", 2));
        assert!(found[0].what.contains("`f` has 71 lines"));
    }

    #[test]
    fn a_function_of_a_hundred_lines_inside_a_macro_is_found() {
        let text = format!("proptest! {{ {} }}", function(100).replace("//! Head.", ""));
        assert_eq!(
            check(&Project::sample(&[("crates/a/tests/all/a.rs", &text)])).len(),
            1
        );
    }

    #[test]
    fn a_declaration_without_a_body_is_not_mistaken_for_the_next_function() {
        let text = format!("trait T {{ fn a(); }}\n{}", "const A: u8 = 1;\n".repeat(80));
        assert!(check(&Project::sample(&[("a.rs", &text)])).is_empty());
    }

    #[test]
    fn a_file_of_401_lines_is_found_and_a_long_page_is_not() {
        let long = "//\n".repeat(401);
        let found = check(&Project::sample(&[("a.rs", &long), ("docs/a.md", &long)]));
        assert_eq!(
            found
                .iter()
                .map(|finding| finding.path.as_str())
                .collect::<Vec<_>>(),
            ["a.rs"]
        );
    }
}
