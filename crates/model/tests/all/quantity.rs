//! Sizes and counts as people read and write them.

use model::{Size, counted, grouped};
use proptest::prelude::*;

#[test]
fn sizes_are_read_as_people_write_them() {
    for (text, bytes) in [
        ("500", 500),
        ("0B", 0),
        ("10k", 10_240),
        ("64 KiB", 65_536),
        ("1.5G", 1_610_612_736),
        ("20MB", 20_000_000),
        ("1 tib", 1_099_511_627_776),
    ] {
        assert_eq!(text.parse::<Size>().unwrap(), Size(bytes), "{text}");
    }
    for text in [
        "",
        "k",
        "-1",
        "1.2.3k",
        "5 bananas",
        "5 kib/s",
        "99999999999999999999",
        "999999999999P",
        "1e9",
    ] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}

#[test]
fn sizes_are_printed_with_one_digit() {
    for (bytes, text) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (1_610_612_736, "1.5 GiB"),
        (u64::MAX, "16.0 EiB"),
    ] {
        assert_eq!(Size(bytes).to_string(), text);
    }
}

#[test]
fn json_has_a_number_and_may_have_a_text() {
    assert_eq!(serde_json::to_string(&Size(5)).unwrap(), "5");
    assert_eq!(serde_json::from_str::<Size>("5").unwrap(), Size(5));
    assert_eq!(serde_json::from_str::<Size>("\"20M\"").unwrap(), Size(20 << 20));
    assert!(serde_json::from_str::<Size>("-5").is_err() && serde_json::from_str::<Size>("true").is_err());
}

#[test]
fn counts_are_grouped_by_thousands() {
    assert_eq!(counted(1, "file", "files"), "1 file");
    assert_eq!(counted(20_412, "file", "files"), "20,412 files");
    assert_eq!(grouped(1_000_000), "1,000,000");
}

proptest! {
    #[test]
    fn grouping_only_adds_commas(n: u64) {
        prop_assert_eq!(grouped(n).replace(',', ""), n.to_string());
    }

    #[test]
    fn a_printed_size_is_nearly_the_size(bytes in 0..u64::MAX / 4) {
        let read = size_as_float(&Size(bytes).to_string());
        prop_assert!((read - bytes as f64).abs() <= bytes as f64 * 0.06 + 0.5);
    }

    #[test]
    fn text_never_panics(text in "[0-9a-zA-Z. ]{0,20}") {
        let _ = text.parse::<Size>();
    }
}

fn size_as_float(text: &str) -> f64 {
    let (number, unit) = text.split_once(' ').unwrap();
    let power = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        .iter()
        .position(|u| *u == unit)
        .unwrap();
    number.parse::<f64>().unwrap() * 1024_f64.powi(power as i32)
}
