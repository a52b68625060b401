//! Rust source as a flat list of tokens.
//!
//! Comments and documentation are gone, strings are unescaped as far as the rules need it, and each token knows its
//! line and whether it is compiled for tests only. An opening bracket knows where its partner is. Macros hide nothing:
//! their arguments are tokens like all others.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    Word(String),
    /// The content of a string of any sort.
    Text(String),
    /// Numbers and characters.
    Value,
    Sign(char),
    /// The index of the closing partner.
    Open(Delimiter, usize),
    Close,
}

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
    pub(crate) in_test: bool,
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    pub(crate) fn opens(&self, delimiter: Delimiter) -> Option<usize> {
        match self.kind {
            Kind::Open(own, partner) if own == delimiter => Some(partner),
            _ => None,
        }
    }
}

/// `Err` says at which line the text stops being Rust.
pub(crate) fn read(text: &str, in_test: bool) -> Result<Vec<Token>, (usize, String)> {
    let text = text.strip_prefix("#!/").map_or(text, |_| "");
    let stream =
        TokenStream::from_str(text).map_err(|error| (error.span().start().line, error.to_string()))?;
    let mut out = Vec::new();
    flatten(stream, in_test, &mut out);
    Ok(out)
}

fn flatten(stream: TokenStream, in_test: bool, out: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut in_test = in_test;
    // Holds while the item below an attribute such as `#[cfg(test)]` lasts.
    let mut test_item = false;
    let mut next = 0;
    while next < trees.len() {
        if let Some((group, inner, length)) = attribute(&trees[next..]) {
            if !is_documentation(group) {
                in_test |= inner && is_for_tests(group);
                test_item |= is_for_tests(group);
                push_group(group, in_test || test_item, out);
            }
            next += length;
            continue;
        }
        push(&trees[next], in_test || test_item, out);
        test_item &= !ends_item(&trees[next]);
        next += 1;
    }
}

/// The bracketed part of an attribute at the start, whether it is an inner one (`#![…]`), and its length in trees.
fn attribute(trees: &[TokenTree]) -> Option<(&Group, bool, usize)> {
    match trees {
        [TokenTree::Punct(hash), TokenTree::Group(group), ..]
            if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some((group, false, 2))
        }
        [
            TokenTree::Punct(hash),
            TokenTree::Punct(bang),
            TokenTree::Group(group),
            ..,
        ] if hash.as_char() == '#' && bang.as_char() == '!' && group.delimiter() == Delimiter::Bracket => {
            Some((group, true, 3))
        }
        _ => None,
    }
}

fn is_documentation(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`, `#[cfg(any(test, …))]`; not `#[cfg(not(test))]`.
fn is_for_tests(attribute: &Group) -> bool {
    let words = attribute.stream().to_string();
    let mut words = words
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    match words.next() {
        Some("cfg") => {
            let rest: Vec<&str> = words.collect();
            rest.contains(&"test") && !rest.contains(&"not")
        }
        Some("test") => true,
        Some(_) => words.next() == Some("test"),
        None => false,
    }
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(sign) => sign.as_char() == ';',
        _ => false,
    }
}

fn push(tree: &TokenTree, in_test: bool, out: &mut Vec<Token>) {
    let kind = match tree {
        TokenTree::Group(group) => return push_group(group, in_test, out),
        TokenTree::Ident(word) => Kind::Word(word.to_string()),
        TokenTree::Punct(sign) => Kind::Sign(sign.as_char()),
        TokenTree::Literal(literal) => content(&literal.to_string()).map_or(Kind::Value, Kind::Text),
    };
    out.push(Token {
        kind,
        line: tree.span().start().line,
        in_test,
    });
}

fn push_group(group: &Group, in_test: bool, out: &mut Vec<Token>) {
    let opening = out.len();
    out.push(Token {
        kind: Kind::Close,
        line: group.span_open().start().line,
        in_test,
    });
    flatten(group.stream(), in_test, out);
    out[opening].kind = Kind::Open(group.delimiter(), out.len());
    out.push(Token {
        kind: Kind::Close,
        line: group.span_close().end().line,
        in_test,
    });
}

/// What stands between the quotes of a string literal, line breaks and escapes turned into blanks.
fn content(literal: &str) -> Option<String> {
    let raw = literal.trim_start_matches(['b', 'c', 'r']).trim_matches('#');
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.replace("\\n", " ").replace("\\\n", " ").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_seen_without_their_quotes_and_comments_are_not_seen() {
        let tokens = read(
            "/// \"doc\"\nlet a = r#\"one\"#; // \"two\"\nb(\"th\\nree\");",
            false,
        )
        .unwrap();
        let texts: Vec<_> = tokens.iter().filter_map(Token::text).collect();
        assert_eq!(texts, ["one", "th ree"]);
    }

    #[test]
    fn only_the_item_below_a_test_attribute_is_for_tests() {
        let tokens = read(
            "#[cfg(test)] mod t { fn a() {} } fn b() {} #[test] fn c() {} fn d() {}",
            false,
        )
        .unwrap();
        let seen = |name| {
            tokens
                .iter()
                .find(|token| token.is_word(name))
                .map(|token| token.in_test)
        };
        assert_eq!(
            [seen("a"), seen("b"), seen("c"), seen("d")],
            [true, false, true, false].map(Some)
        );
    }

    #[test]
    fn an_inner_attribute_covers_the_rest_of_the_file() {
        let tokens = read("#![cfg(test)]\nfn a() {}\nfn b() {}", false).unwrap();
        assert!(
            tokens
                .iter()
                .filter(|token| token.word().is_some())
                .all(|token| token.in_test)
        );
    }
}
