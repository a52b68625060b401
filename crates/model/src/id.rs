//! Ids: what every stored thing is called for good.
//!
//! An id is a `UUIDv7` (its moment first, then randomness), so ids sort by age; as text it is the usual 36
//! characters. Each kind of thing has a type of its own: a job's id cannot be taken for a backup's.
//! Clock and randomness come from outside.
//! People may shorten an id to a prefix of at least [`SHORTEST_PREFIX`] characters, with or without
//! hyphens, or use a name: [`resolve`]. Rules: the exact id wins, then the exact name, then the prefix;
//! what fits several things is refused with their list and never guessed.

use uuid::Uuid;

use crate::{Clock, Kind, Problem, Random, Result, nearest};

/// A prefix shorter than this is more likely a slip than a choice.
pub const SHORTEST_PREFIX: usize = 4;

/// How many candidates an ambiguous name lists, and how many it counts.
const LISTED: usize = 5;
pub const COUNTED: usize = 20;

macro_rules! ids {
    ($($(#[$about:meta])* $name:ident = $what:literal),+ $(,)?) => { $(
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What it names, in messages.
            pub const WHAT: &'static str = $what;

            pub fn new(clock: &dyn Clock, random: &dyn Random) -> Result<Self> {
                fresh(clock, random).map(Self)
            }

            /// The moment at which it was made.
            pub fn made_ms(&self) -> i64 {
                made_ms(self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.as_hyphenated())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Problem;
            fn from_str(text: &str) -> Result<Self> {
                read($what, text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Problem;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
    )+ };
}

ids! {
    SourceId = "source",
    RepositoryId = "repository",
    BackupId = "backup",
    PlanId = "plan",
    JobId = "job",
    ApprovalId = "approval",
    PersonId = "person",
    TokenId = "token",
    SessionId = "session",
    GrantId = "grant",
    /// An outgoing mail or message.
    LetterId = "message",
    /// A file that comes in from outside.
    UploadId = "upload",
    /// A process that carries jobs out.
    WorkerId = "worker",
}

fn fresh(clock: &dyn Clock, random: &dyn Random) -> Result<Uuid> {
    let mut bytes = [0; 10];
    random.fill(&mut bytes)?;
    let ms = u64::try_from(clock.now_ms()).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid())
}

fn made_ms(id: Uuid) -> i64 {
    (id.as_u128() >> 80) as i64
}

/// Only the 36-character form in lower case: one id has one text, which databases compare.
fn read(what: &str, text: &str) -> Result<Uuid> {
    match Uuid::try_parse(text) {
        Ok(id) if id.as_hyphenated().to_string() == text => Ok(id),
        _ => Err(Problem::invalid(format!("“{text}” is not the id of a {what}"))
            .hint("an id looks like 01977ac8-4a00-7cc3-98c4-dc0c0c07398f")),
    }
}

/// A thing that a person may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub id: &'a str,
    /// Empty when it has none.
    pub name: &'a str,
}

impl std::fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name {
            "" => f.write_str(self.id),
            name => write!(f, "{name} ({})", self.id),
        }
    }
}

/// Which candidate is meant by an id, the beginning of an id, or a name; gives its position.
pub fn resolve(what: &str, wanted: &str, candidates: &[Candidate<'_>]) -> Result<usize> {
    let exact = |test: &dyn Fn(&Candidate<'_>) -> bool| -> Vec<usize> {
        candidates
            .iter()
            .enumerate()
            .filter(|(_, c)| test(c))
            .map(|(at, _)| at)
            .collect()
    };
    let by_id = exact(&|c| c.id == wanted);
    if let [one] = by_id[..] {
        return Ok(one);
    }
    let by_name = exact(&|c| !c.name.is_empty() && c.name == wanted);
    let found = if by_name.is_empty() {
        exact(&|c| is_prefix(wanted, c.id))
    } else {
        by_name
    };
    match found[..] {
        [one] => Ok(one),
        [] => Err(nothing(what, wanted, candidates)),
        _ => Err(ambiguous(what, wanted, found.iter().map(|at| candidates[*at]))),
    }
}

/// Does the id begin with this? Case and hyphens do not matter.
pub fn is_prefix(prefix: &str, id: &str) -> bool {
    let mut letters = id.chars().filter(|c| *c != '-');
    let wanted: Vec<char> = prefix
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    wanted.len() >= SHORTEST_PREFIX && wanted.iter().all(|c| letters.next() == Some(*c))
}

/// The first and the last id that begin with this, for who looks them up in order. `None`: no id does.
pub fn prefix_range(prefix: &str) -> Option<(String, String)> {
    const LENGTH: usize = 32;
    let wanted: String = prefix.chars().filter(|c| *c != '-').collect();
    let wanted = wanted.to_ascii_lowercase();
    if wanted.is_empty() || wanted.len() > LENGTH || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let filled = |with: char| {
        let digits = wanted.chars().chain(std::iter::repeat(with)).take(LENGTH);
        let mut id = String::with_capacity(LENGTH + 4);
        for (place, digit) in digits.enumerate() {
            if matches!(place, 8 | 12 | 16 | 20) {
                id.push('-');
            }
            id.push(digit);
        }
        id
    };
    Some((filled('0'), filled('f')))
}

/// The beginning of an id that is shown: as long as needed to be the only one, at least 8 characters.
pub fn shortest<'a>(id: &'a str, others: impl IntoIterator<Item = &'a str>) -> &'a str {
    let shared = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let longest = others
        .into_iter()
        .filter(|other| *other != id)
        .map(shared)
        .max()
        .unwrap_or(0);
    let end = (longest + 1).max(8);
    id.get(..end).unwrap_or(id).trim_end_matches('-')
}

fn nothing(what: &str, wanted: &str, candidates: &[Candidate<'_>]) -> Problem {
    let problem = Problem::not_found(format!("there is no {what} “{wanted}”"));
    let is_short = wanted.len() < SHORTEST_PREFIX && candidates.iter().any(|c| c.id.starts_with(wanted));
    match nearest(wanted, candidates.iter().map(|c| c.name)) {
        Some(near) => problem.hint(format!("did you mean “{near}”?")),
        None if is_short => problem.hint(format!(
            "give at least {SHORTEST_PREFIX} characters of the id, or the name"
        )),
        None => problem.hint(format!(
            "give the name, the id, or the beginning of the id of a {what}"
        )),
    }
}

fn ambiguous<'a>(what: &str, wanted: &str, found: impl Iterator<Item = Candidate<'a>>) -> Problem {
    let all: Vec<String> = found.map(|c| c.to_string()).collect();
    let more = if all.len() > LISTED { ", …" } else { "" };
    let listed = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let count = if all.len() > COUNTED {
        format!("more than {COUNTED}")
    } else {
        all.len().to_string()
    };
    let message = format!("“{wanted}” fits {count} {what}s: {listed}{more}");
    Problem::new(Kind::Invalid, message).hint("give more of the id")
}
