//! Moments as text, the machine's clock and randomness.

use model::{Clock, Random, SystemClock, SystemRandom, moment_from, moment_text};
use proptest::prelude::*;

#[test]
fn a_moment_is_written_in_utc_with_milliseconds() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(moment_text(ms), text);
    }
}

#[test]
fn any_offset_and_fraction_is_read() {
    for (text, ms) in [
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T05:04:05.6789+02:00", 1_767_323_045_678),
    ] {
        assert_eq!(moment_from(text).unwrap(), ms);
    }
    for text in ["", "yesterday", "2026-01-02", "2026-13-02T03:04:05Z"] {
        assert!(moment_from(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(ms in -62_000_000_000_000..250_000_000_000_000_i64) {
        prop_assert_eq!(moment_from(&moment_text(ms)).unwrap(), ms);
    }

    #[test]
    fn no_moment_is_too_far_to_be_written(ms: i64) {
        prop_assert!(!moment_text(ms).is_empty());
    }
}

#[test]
fn the_machine_has_a_clock_and_randomness() {
    assert!(SystemClock.now_ms() > 1_700_000_000_000);
    let (mut a, mut b) = ([0; 32], [0; 32]);
    SystemRandom.fill(&mut a).unwrap();
    SystemRandom.fill(&mut b).unwrap();
    assert_ne!(a, b);
}
