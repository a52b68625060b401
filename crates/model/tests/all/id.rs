//! Ids: made, read, shortened, resolved.

use model::{
    BackupId, COUNTED, Candidate, Clock, JobId, Kind, Random, Result, is_prefix, prefix_range, resolve,
    shortest,
};
use proptest::prelude::*;

pub(crate) struct At(pub i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

pub(crate) struct Bytes(pub u8);

impl Random for Bytes {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.fill(self.0);
        Ok(())
    }
}

pub(crate) fn backup_id(ms: i64, byte: u8) -> BackupId {
    BackupId::new(&At(ms), &Bytes(byte)).unwrap()
}

#[test]
fn an_id_follows_from_the_clock_and_the_randomness() {
    let id = backup_id(1_767_323_045_678, 0xab);
    assert_eq!(id.to_string(), "019b7ca9-8f2e-7bab-abab-abababababab");
    assert_eq!(id.made_ms(), 1_767_323_045_678);
    assert_eq!(
        format!("{id:?}"),
        "BackupId(019b7ca9-8f2e-7bab-abab-abababababab)"
    );
}

#[test]
fn only_the_one_text_of_an_id_is_read() {
    let text = "019b7ca9-8f2e-7bab-abab-abababababab";
    assert_eq!(text.parse::<JobId>().unwrap().to_string(), text);
    let odd = [
        "",
        "019B7CA9-8f2e-7bab-abab-abababababab",
        "019b7ca98f2e7bababababababababab",
        "x",
        "{019b7cd0}",
    ];
    for text in odd {
        assert_eq!(text.parse::<JobId>().unwrap_err().kind(), Kind::Invalid, "{text}");
    }
}

#[test]
fn an_id_is_a_text_in_json() {
    let id = backup_id(1, 1);
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<BackupId>(&json).unwrap(), id);
}

proptest! {
    #[test]
    fn ids_sort_by_age(a in 0..4_000_000_000_000_i64, b in 0..4_000_000_000_000_i64, x: u8, y: u8) {
        prop_assume!(a != b);
        let (first, second) = (backup_id(a, x), backup_id(b, y));
        prop_assert_eq!(a < b, first < second);
        prop_assert_eq!(a < b, first.to_string() < second.to_string());
    }

    #[test]
    fn the_range_of_a_prefix_holds_the_ids_that_begin_with_it(
        ms in 0..4_000_000_000_000_i64, other in 0..4_000_000_000_000_i64, letters in 4..37_usize, hyphens: bool,
    ) {
        let (id, other) = (backup_id(ms, 7).to_string(), backup_id(other, 9).to_string());
        let mut prefix = id[..letters].to_uppercase();
        if !hyphens {
            prefix = prefix.replace('-', "");
        }
        let (first, last) = prefix_range(&prefix).unwrap();
        for id in [id, other] {
            prop_assert_eq!(first <= id && id <= last, is_prefix(&prefix, &id), "{} {}", prefix, id);
        }
    }

    #[test]
    fn the_shortest_prefix_finds_its_own_id_alone(moments in proptest::collection::btree_set(0..100_000_000_i64, 1..12)) {
        let ids: Vec<String> = moments.iter().map(|ms| backup_id(*ms, 7).to_string()).collect();
        let candidates: Vec<_> = ids.iter().map(|id| Candidate { id, name: "" }).collect();
        for (at, id) in ids.iter().enumerate() {
            let prefix = shortest(id, ids.iter().map(String::as_str));
            prop_assert_eq!(resolve("backup", prefix, &candidates).unwrap(), at);
        }
    }
}

const SOURCES: [Candidate<'static>; 4] = [
    Candidate {
        id: "019b7cd0-d72e-7bab-8000-000000000001",
        name: "world",
    },
    Candidate {
        id: "019b7cd0-d72e-7bab-8000-000000000002",
        name: "dash",
    },
    Candidate {
        id: "019b8aaa-0000-7bab-8000-000000000003",
        name: "twin",
    },
    Candidate {
        id: "019b9bbb-0000-7bab-8000-000000000004",
        name: "twin",
    },
];

#[test]
fn a_thing_is_found_by_id_by_name_or_by_the_beginning_of_its_id() {
    for (wanted, at) in [
        ("world", 0),
        ("019b7cd0-d72e-7bab-8000-000000000002", 1),
        ("019b8", 2),
        ("019B8AAA-00", 2),
        ("019b8aaa00", 2),
    ] {
        assert_eq!(resolve("source", wanted, &SOURCES).unwrap(), at, "{wanted}");
    }
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_near_is_offered() {
    for (wanted, hint) in [
        ("wrold", "did you mean “world”?"),
        ("019", "at least 4 characters"),
        ("ffff", "the beginning of the id"),
        ("", "at least 4 characters"),
    ] {
        let problem = resolve("source", wanted, &SOURCES).unwrap_err();
        assert_eq!(problem.kind(), Kind::NotFound, "{wanted}");
        assert!(
            problem.hint_text().unwrap().contains(hint),
            "{wanted}: {:?}",
            problem.hint_text()
        );
    }
}

#[test]
fn what_fits_several_things_is_refused_with_their_list() {
    for wanted in ["019b7cd0", "twin", "019b"] {
        let problem = resolve("source", wanted, &SOURCES).unwrap_err();
        assert_eq!(problem.kind(), Kind::Invalid, "{wanted}");
    }
    let problem = resolve("source", "twin", &SOURCES).unwrap_err();
    assert!(
        problem
            .message()
            .starts_with("“twin” fits 2 sources: twin (019b8aaa-"),
        "{problem}"
    );
}

#[test]
fn of_many_that_fit_only_some_are_counted() {
    let ids: Vec<String> = (0..=COUNTED as i64)
        .map(|ms| backup_id(ms, 1).to_string())
        .collect();
    let all: Vec<_> = ids.iter().map(|id| Candidate { id, name: "twin" }).collect();
    let problem = resolve("backup", "twin", &all).unwrap_err();
    assert!(
        problem
            .message()
            .starts_with("“twin” fits more than 20 backups: twin (")
    );
    let problem = resolve("backup", "twin", &all[1..]).unwrap_err();
    assert!(problem.message().starts_with("“twin” fits 20 backups: "));
}

#[test]
fn what_is_no_beginning_of_an_id_has_no_range() {
    for text in ["", "---", "xyz", "019b7cd0-d72e-7bab-8000-0000000000010", "01 9"] {
        assert_eq!(prefix_range(text), None, "{text}");
    }
}

#[test]
fn a_name_wins_over_the_beginning_of_an_id() {
    let candidates = [
        Candidate {
            id: "beef0000",
            name: "",
        },
        Candidate {
            id: "cafe0000",
            name: "beef",
        },
    ];
    assert_eq!(resolve("source", "beef", &candidates).unwrap(), 1);
}

#[test]
fn hyphens_and_case_of_a_prefix_do_not_matter() {
    let id = "019b7cd0-d72e-7bab-8000-000000000001";
    assert!(is_prefix("019b7cd0d7", id) && is_prefix("019B7CD0-D7", id) && is_prefix(id, id));
    assert!(!is_prefix("019", id) && !is_prefix("---", id) && !is_prefix("019b7cd1", id));
    assert!(!is_prefix(&format!("{id}0"), id));
}
