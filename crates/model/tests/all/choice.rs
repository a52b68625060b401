//! Choosing parts by name or category.

use model::{Kind, PartRef, choose};
use proptest::prelude::*;

const PARTS: [PartRef<'static>; 5] = [
    PartRef {
        name: "roles",
        category: "Structure",
    },
    PartRef {
        name: "channels",
        category: "Structure",
    },
    PartRef {
        name: "forum-topics",
        category: "Content",
    },
    PartRef {
        name: "Content",
        category: "Odd",
    },
    PartRef {
        name: "settings",
        category: "",
    },
];

fn chosen(words: &[&str]) -> String {
    let wanted: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    choose(&wanted, &PARTS).unwrap().join(" ")
}

#[test]
fn words_are_parts_first_and_categories_second() {
    for (words, expected) in [
        (&[][..], "roles channels forum-topics Content settings"),
        (&["all"], "roles channels forum-topics Content settings"),
        (&["settings", "roles"], "roles settings"),
        (&["Structure"], "roles channels"),
        (&["structure", "roles"], "roles channels"),
        (&["Forum Topics"], "forum-topics"),
        (&["FORUM_TOPICS"], "forum-topics"),
        (&["Content"], "Content"),
    ] {
        assert_eq!(chosen(words), expected, "{words:?}");
    }
}

#[test]
fn an_unknown_part_is_refused_with_what_there_is() {
    let problem = choose(&["rolls".to_owned()], &PARTS).unwrap_err();
    assert_eq!(problem.kind(), Kind::Invalid);
    assert_eq!(
        problem.message(),
        "there is no part “rolls”: did you mean “roles”?"
    );
    let hint = problem.hint_text().unwrap();
    assert!(
        hint.contains("roles, channels, forum-topics") && hint.contains("categories: Structure"),
        "{hint}"
    );
    assert!(choose(&[String::new()], &PARTS).is_err());
    assert!(
        choose(&["x".to_owned()], &[])
            .unwrap_err()
            .hint_text()
            .unwrap()
            .contains("no parts")
    );
}

proptest! {
    #[test]
    fn every_part_can_be_chosen_alone_and_the_order_of_words_does_not_matter(picked in proptest::sample::subsequence(vec![0, 1, 2, 3, 4], 1..5)) {
        let names: Vec<&str> = picked.iter().map(|at| PARTS[*at].name).collect();
        let reversed: Vec<&str> = names.iter().rev().copied().collect();
        prop_assert_eq!(chosen(&names), names.join(" "));
        prop_assert_eq!(chosen(&reversed), names.join(" "));
    }
}
