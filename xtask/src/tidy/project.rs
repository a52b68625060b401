//! What the rules look at: every text file, and every Rust file's tokens.

use super::finding::Finding;
use super::tokens::{self, Token};
use crate::files::File;

pub(crate) struct Project {
    pub(crate) files: Vec<File>,
    tokens: Vec<Result<Vec<Token>, (usize, String)>>,
}

impl Project {
    pub(crate) fn new(files: Vec<File>) -> Self {
        let tokens = files
            .iter()
            .map(|file| {
                if file.is_rust() {
                    tokens::read(&file.text, file.is_for_tests())
                } else {
                    Ok(Vec::new())
                }
            })
            .collect();
        Project { files, tokens }
    }

    /// Every Rust file that can be read, with its tokens.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&File, &[Token])> {
        let pairs = self.files.iter().zip(&self.tokens);
        pairs
            .filter_map(|(file, tokens)| Some((file, tokens.as_deref().ok()?)))
            .filter(|(file, _)| file.is_rust())
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Rust files that no rule can look into.
    pub(crate) fn unreadable(&self) -> Vec<Finding> {
        let pairs = self.files.iter().zip(&self.tokens);
        let broken = pairs.filter_map(|(file, tokens)| Some((file, tokens.as_ref().err()?)));
        broken
            .map(|(file, (line, error))| Finding {
                path: file.path.clone(),
                line: *line,
                what: format!("this is not Rust: {error}"),
                why: "a file that cannot be read cannot be checked",
                remedy: "make it compile, then run `cargo xtask tidy` again".to_owned(),
            })
            .collect()
    }

    #[cfg(test)]
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Project::new(files.iter().map(file).collect())
    }
}
