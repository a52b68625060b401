//! Product code returns problems; it does not fall over.
//!
//! Allowed outside tests: `expect` and `unreachable!` with the sentence that proves the invariant. Clippy sees
//! `unwrap` too, but not inside macros' arguments.

use super::finding::Finding;
use super::project::Project;
use super::tokens::Token;

const WHY: &str = "a panic takes a worker with it, and says neither what to do nor to whom";
/// A proof has at least this many words.
const WORDS: usize = 2;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, tokens) in project.rust() {
        for place in 0..tokens.len() {
            let here = &tokens[place..];
            let Some((what, remedy)) = always_wrong(here).or_else(|| product_only(here)) else {
                continue;
            };
            found.push(Finding {
                path: file.path.clone(),
                line: tokens[place].line,
                what,
                why: WHY,
                remedy: remedy.to_owned(),
            });
        }
    }
    found
}

fn always_wrong(here: &[Token]) -> Option<(String, &'static str)> {
    let name = ["todo", "unimplemented", "dbg"]
        .into_iter()
        .find(|name| calls_macro(here, name))?;
    Some((
        format!("`{name}!` is unfinished work"),
        "finish it, or take the whole feature out until it is there",
    ))
}

fn product_only(here: &[Token]) -> Option<(String, &'static str)> {
    if here.first()?.in_test {
        return None;
    }
    if calls_method(here, "unwrap") {
        let remedy = "return a `Problem` with `?`, or write `expect` with the sentence why it cannot fail";
        return Some(("`unwrap` outside tests".to_owned(), remedy));
    }
    if calls_macro(here, "panic") {
        return Some((
            "`panic!` outside tests".to_owned(),
            "return a `Problem` that says what to do",
        ));
    }
    let unproven = (calls_method(here, "expect")
        && argument(&here[2..]).is_some_and(|text| !is_sentence(text)))
        || (calls_macro(here, "unreachable") && !argument(&here[2..]).is_some_and(is_sentence));
    let remedy = "say in its text why this cannot happen; if that cannot be said, return a `Problem`";
    unproven.then(|| ("an invariant without its proof".to_owned(), remedy))
}

/// `.name(`
fn calls_method(here: &[Token], name: &str) -> bool {
    matches!(here, [dot, word, open, ..]
        if dot.is_sign('.') && word.is_word(name) && open.opens(proc_macro2::Delimiter::Parenthesis).is_some())
}

/// `name!`
fn calls_macro(here: &[Token], name: &str) -> bool {
    matches!(here, [word, bang, ..] if word.is_word(name) && bang.is_sign('!'))
}

/// The string right after the opening bracket that `here` begins with; for `unreachable!()` there is none.
fn argument(here: &[Token]) -> Option<&str> {
    here.get(1)?.text()
}

fn is_sentence(text: &str) -> bool {
    text.split_whitespace().count() >= WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, body: &str) -> Vec<String> {
        let text = format!("fn f() {{ {body} }}");
        check(&Project::sample(&[(path, &text)]))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn product_code_may_not_unwrap_even_inside_a_macro() {
        assert_eq!(
            found("crates/a/src/a.rs", "format!(\"{}\", x.unwrap());"),
            ["`unwrap` outside tests"]
        );
        assert!(found("crates/a/tests/all/a.rs", "x.unwrap();").is_empty());
        assert!(found("crates/a/src/a.rs", "x.unwrap_or(1);").is_empty());
    }

    #[test]
    fn an_invariant_needs_its_proof() {
        assert!(found("crates/a/src/a.rs", "x.expect(\"32 bytes were cut off above\");").is_empty());
        assert_eq!(found("crates/a/src/a.rs", "x.expect(\"bug\");").len(), 1);
        assert_eq!(found("crates/a/src/a.rs", "unreachable!();").len(), 1);
    }

    #[test]
    fn a_parser_may_call_its_own_method_expect() {
        assert!(found("crates/a/src/a.rs", "self.expect(Token::Comma)?;").is_empty());
    }

    #[test]
    fn unfinished_work_is_found_in_tests_as_well() {
        let unfinished = concat!("to", "do!();");
        assert_eq!(found("crates/a/tests/all/a.rs", unfinished).len(), 1);
    }
}
