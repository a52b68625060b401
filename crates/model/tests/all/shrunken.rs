//! Which backups are suspiciously small.

use model::{Amount, Extent, Policy, Share, shrunken};
use proptest::prelude::*;
use serde_json::{Value, json};

fn extent(parts: &[(&str, u64, u64)], ignore: &[&str]) -> Extent {
    let part = |(name, items, bytes): &(&str, u64, u64)| {
        let amount = Amount {
            items: *items,
            bytes: *bytes,
        };
        ((*name).to_owned(), amount)
    };
    Extent {
        parts: parts.iter().map(part).collect(),
        ignore: ignore.iter().map(|pattern| (*pattern).to_owned()).collect(),
    }
}

fn whole(items: u64, bytes: u64) -> Extent {
    extent(&[("world", items, bytes)], &[])
}

#[test]
fn fewer_than_half_of_the_items_or_of_the_bytes_is_suspicious() {
    let before = [whole(100, 1000)];
    for (items, bytes, is_suspicious) in [
        (100, 1000, false),
        (50, 500, false),
        (49, 1000, true),
        (100, 499, true),
        (500, 9000, false),
        (0, 0, true),
    ] {
        let found = shrunken(&whole(items, bytes), &before, Share::HALF);
        assert_eq!(found.is_some(), is_suspicious, "{items} {bytes}: {found:?}");
    }
    assert_eq!(shrunken(&whole(0, 0), &[], Share::HALF), None, "there was none");
    assert_eq!(shrunken(&whole(0, 0), &[whole(0, 0)], Share::HALF), None);
}

#[test]
fn a_part_that_holds_nothing_where_it_held_something_is_suspicious_whatever_the_policy_says() {
    let before = [extent(&[("big", 1000, 9000), ("small", 3, 10)], &[])];
    let emptied = extent(&[("big", 1000, 9000), ("small", 0, 0)], &[]);
    for share in [Share::OFF, Share::HALF] {
        let found = shrunken(&emptied, &before, share).unwrap();
        assert!(found.contains("small") && found.contains("3 items"), "{found}");
    }
    let smaller = extent(&[("big", 10, 90), ("small", 1, 1)], &[]);
    assert_eq!(shrunken(&smaller, &before, Share::OFF), None);
}

#[test]
fn like_is_compared_with_like() {
    let all = extent(&[("a", 100, 1000), ("b", 10, 100)], &[]);
    let only_b = extent(&[("b", 10, 100)], &[]);
    assert_eq!(shrunken(&only_b, std::slice::from_ref(&all), Share::HALF), None);
    let small_b = extent(&[("b", 4, 100)], &[]);
    assert!(shrunken(&small_b, std::slice::from_ref(&all), Share::HALF).is_some());
    // Patterns of its own leave out nearly all: suspicious once, and then compared with its like.
    let little = extent(&[("a", 5, 50), ("b", 5, 50)], &["*.mca"]);
    assert!(shrunken(&little, std::slice::from_ref(&all), Share::HALF).is_some());
    let accepted = [little.clone(), all.clone()];
    assert_eq!(shrunken(&little, &accepted, Share::HALF), None);
    // And the next one without patterns is not measured by it.
    let emptied = extent(&[("a", 6, 60), ("b", 6, 60)], &[]);
    assert!(shrunken(&emptied, &accepted, Share::HALF).is_some());
}

#[test]
fn a_share_is_percent_or_off() {
    let read = |value: Value| Policy::from_json(json!({ "suspicious_below": value }));
    for (value, share) in [
        (json!(50), json!(50)),
        (json!("off"), json!(0)),
        (json!(0), json!(0)),
        (json!("25%"), json!(25)),
        (json!("25 %"), json!(25)),
        (json!(100), json!(100)),
    ] {
        let policy = read(value.clone()).unwrap();
        assert_eq!(json!(policy)["suspicious_below"], share, "{value}");
    }
    for wrong in [json!(101), json!(-1), json!("half"), json!(true), json!(0.5)] {
        let problem = read(wrong).unwrap_err();
        assert!(problem.message().contains("suspicious_below"), "{problem}");
    }
    assert_eq!(json!(Policy::default())["suspicious_below"], 50);
}

proptest! {
    #[test]
    fn what_is_no_smaller_is_never_suspicious(items in 0..u64::MAX / 2, bytes in 0..u64::MAX / 2, more in 0..1000_u64) {
        let before = [whole(items, bytes)];
        prop_assert_eq!(shrunken(&whole(items + more, bytes + more), &before, Share::HALF), None);
        let strictest = serde_json::from_value(json!(100)).unwrap();
        prop_assert_eq!(shrunken(&whole(items, bytes), &before, strictest), None);
    }
}
