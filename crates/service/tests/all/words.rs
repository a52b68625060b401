//! Passwords for people, and the sheet of the recovery kit.

use std::collections::BTreeSet;

use model::{Kind, Random, Result, SystemRandom};
use service::kit_sheet::{Sheet, is_same, password, sheet};

/// Counts up: every letter comes.
struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.iter_mut().enumerate().for_each(|(n, byte)| *byte = n as u8);
        Ok(())
    }
}

/// Gives nothing but ones.
struct Broken;

impl Random for Broken {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.fill(0xff);
        Ok(())
    }
}

#[test]
fn a_password_follows_from_the_bytes_and_is_easy_to_copy() {
    let text = password(&Counting).expect("it is made");
    assert_eq!(
        text,
        "2345-6789-abcd-efgh-jkmn-pqrs-tuvw-xyz2-3456-789a-bcde-fghj-kmn2"
    );
    let many: BTreeSet<String> = (0..64)
        .map(|_| password(&SystemRandom).expect("it is made"))
        .collect();
    assert_eq!(many.len(), 64);
    for text in many {
        let groups: Vec<&str> = text.split('-').collect();
        assert_eq!(groups.len(), 13);
        let fine = |c: char| (c.is_ascii_lowercase() || c.is_ascii_digit()) && !"01ilo".contains(c);
        assert!(
            groups
                .iter()
                .all(|group| group.len() == 4 && group.chars().all(fine)),
            "{text}"
        );
    }
}

#[test]
fn a_broken_generator_makes_no_password() {
    let problem = password(&Broken).expect_err("there is no randomness");
    assert_eq!(problem.kind(), Kind::Internal);
}

#[test]
fn a_password_of_ours_may_be_typed_loosely() {
    let ours = password(&Counting).expect("it is made");
    for typed in [
        ours.clone(),
        format!("{ours}\n"),
        ours.to_uppercase(),
        ours.replace('-', " "),
        ours.replace('-', ""),
        format!("  {}  ", ours.replace('-', "–")),
    ] {
        assert!(is_same(&typed, &ours), "{typed}");
    }
    for wrong in ["", &ours[1..], &ours.replace('2', "3"), &format!("{ours}2")] {
        assert!(!is_same(wrong, &ours), "{wrong}");
    }
}

#[test]
fn another_password_is_typed_as_it_is() {
    assert!(is_same("My-own Pass", "My-own Pass"));
    assert!(is_same("My-own Pass\r\n", "My-own Pass"));
    for wrong in ["my-own pass", "My own Pass", "MyownPass", ""] {
        assert!(!is_same(wrong, "My-own Pass"), "{wrong}");
    }
}

#[test]
fn the_sheet_has_all_that_is_needed() {
    let text = sheet(&Sheet {
        repository: "s3:https://s3.example.org/bucket",
        password: "abcd-efgh",
        restic: &["restic -r s3:https://s3.example.org/bucket snapshots".to_owned()],
        cairn: &[
            "cairn recover --repository s3:https://s3.example.org/bucket".to_owned(),
            "cairn list".to_owned(),
        ],
        made: "2026-01-02",
    });
    let expected = "\
CAIRN RECOVERY KIT                                          2026-01-02

Whoever holds this sheet can read every backup in the repository. Keep it away
from the machine that is backed up: on paper, or in a password manager.

Repository
    s3:https://s3.example.org/bucket

Password (small letters and digits; no 0, 1, i, l, o in one that Cairn made)
    abcd-efgh

With Cairn, on a new machine
    cairn recover --repository s3:https://s3.example.org/bucket
    cairn list

With stock restic (https://restic.net), even if Cairn were gone
    restic -r s3:https://s3.example.org/bucket snapshots

For backups that are newer than this sheet: `snapshots` lists them with their
tags. Of those with the same tag source:… take the newest without the tag
reason:safety. Never `latest`: it may be what was there before a restore.

Both ask for the password. Try it today: `cairn kit check`.
";
    assert_eq!(text, expected);
}
