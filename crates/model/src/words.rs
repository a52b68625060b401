//! Closed sets of words: enums whose values travel as text (JSON, catalog, command line).
//!
//! [`closed_set!`](crate::words::closed_set) makes the enum together with its list, its words and its
//! reading, so that a word is written down exactly once.
//! Rules: reading is exact; an unknown word is refused with the list of the known ones and, when one is
//! near, with the question whether that was meant. A word, once published, never changes.

use crate::{Problem, nearest};

/// Makes an enum with `ALL`, `word()`, `Display`, `FromStr` and serde as text.
macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        pub enum $name { $($(#[$about])* $variant),+ }

        impl $name {
            /// Every value, in the order in which they are shown.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// How it is written everywhere.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Problem;
            fn from_str(text: &str) -> $crate::Result<Self> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::words::unknown_word($what, text, &[$($word),+])),
                }
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> Self {
                value.word()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::Problem;
            fn try_from(text: String) -> $crate::Result<Self> {
                text.parse()
            }
        }
    };
}
pub(crate) use closed_set;

/// `“secheduled” is not a reason: did you mean “scheduled”?`
pub(crate) fn unknown_word(what: &str, word: &str, known: &[&str]) -> Problem {
    let question = match nearest(word, known.iter().copied()) {
        Some(near) => format!(": did you mean “{near}”?"),
        None => String::new(),
    };
    Problem::invalid(format!("“{word}” is not {what}{question}"))
        .hint(format!("use one of: {}", known.join(", ")))
}
