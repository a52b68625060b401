//! Times as Go writes them: RFC 3339, with a fraction of one to nine digits without trailing zeros, or none.
//!
//! Rules: written in UTC unless an offset is asked for; a year outside 0000–9999 becomes the nearest one of these, the rest of the
//! date staying as it is. Read with any offset; a date that does not exist is no time.

use model::{Problem, Result, Timestamp};

const DAY: i64 = 86_400;

/// Appends `"2026-01-02T03:04:05.6Z"` with its quotes, as seen from `offset` seconds east of Greenwich.
pub(crate) fn push_time(time: Timestamp, offset: i32, out: &mut Vec<u8>) {
    let seconds = time.seconds.saturating_add(i64::from(offset));
    let (year, month, day) = printable_date(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let mut text = *b"\"0000-00-00T00:00:00";
    let (century, of_century) = (year / 100, year % 100);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    for (at, value) in [
        (1, century),
        (3, of_century),
        (6, month),
        (9, day),
        (12, hour),
        (15, minute),
        (18, second),
    ] {
        text[at] += (value / 10) as u8;
        text[at + 1] += (value % 10) as u8;
    }
    out.extend_from_slice(&text);
    push_fraction(time.nanos.min(999_999_999), out);
    push_offset(offset, out);
    out.push(b'"');
}

fn push_fraction(nanos: u32, out: &mut Vec<u8>) {
    if nanos == 0 {
        return;
    }
    let mut text = *b".000000000";
    let mut rest = nanos;
    for digit in text[1..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    let zeros = text.iter().rev().take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&text[..text.len() - zeros]);
}

/// Whole minutes only, as Go has it.
fn push_offset(offset: i32, out: &mut Vec<u8>) {
    if offset == 0 {
        return out.push(b'Z');
    }
    let minutes = offset / 60;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let (hour, minute) = (minutes.unsigned_abs() / 60 % 100, minutes.unsigned_abs() % 60);
    let digit = |value: u32| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[
        digit(hour / 10),
        digit(hour),
        b':',
        digit(minute / 10),
        digit(minute),
    ]);
}

/// A date whose year has four digits: of one that has not, only the year is changed, and a 29 February that
/// the new year lacks becomes the day after.
fn printable_date(day: i64) -> (i64, i64, i64) {
    match civil(day) {
        date @ (0..=9999, ..) => date,
        (_, 2, 29) if day > 0 => (9999, 3, 1),
        (year, month, day) => (year.clamp(0, 9999), month, day),
    }
}

/// Reads RFC 3339.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp> {
    parse(text.as_bytes()).ok_or_else(|| Problem::damaged(format!("“{text}” is not a time")))
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (fixed, rest) = text.split_first_chunk::<19>()?;
    if [fixed[4], fixed[7], fixed[10], fixed[13], fixed[16]] != *b"--T::" {
        return None;
    }
    let year = two(fixed, 0)? * 100 + two(fixed, 2)?;
    let (month, day) = (two(fixed, 5)?, two(fixed, 8)?);
    let (hour, minute, second) = (two(fixed, 11)?, two(fixed, 14)?, two(fixed, 17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    let (nanos, rest) = parse_fraction(rest)?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - parse_offset(rest)?;
    Some(Timestamp { seconds, nanos })
}

/// The number that two digits make.
fn two(text: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (
        text.get(at)?.wrapping_sub(b'0'),
        text.get(at + 1)?.wrapping_sub(b'0'),
    );
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

/// Nanoseconds, and what follows the fraction.
fn parse_fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let (fraction, rest) = digits.split_at(count);
    let value = fraction
        .iter()
        .fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    Some((value * 10_u32.pow(9 - count as u32), rest))
}

/// Seconds east of Greenwich.
fn parse_offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (two(text, 1)?, two(text, 4)?);
            let seconds = hours * 3600 + minutes * 60;
            (hours <= 24 && minutes <= 59).then_some(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(seconds: i64, nanos: u32, offset: i32) -> String {
        let mut out = Vec::new();
        push_time(Timestamp { seconds, nanos }, offset, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fractions_lose_their_trailing_zeros() {
        assert_eq!(written(0, 0, 0), "\"1970-01-01T00:00:00Z\"");
        assert_eq!(written(-1, 120_000_000, 0), "\"1969-12-31T23:59:59.12Z\"");
        assert_eq!(written(1_500_000_000, 1, 0), "\"2017-07-14T02:40:00.000000001Z\"");
    }

    #[test]
    fn an_offset_is_written_as_go_writes_it() {
        assert_eq!(
            written(1_500_000_000, 120_000_000, 7200),
            "\"2017-07-14T04:40:00.12+02:00\""
        );
        assert_eq!(
            written(1_500_000_000, 0, -12_600),
            "\"2017-07-13T23:10:00-03:30\""
        );
        assert_eq!(written(0, 0, 1800), "\"1970-01-01T00:30:00+00:30\"");
    }

    #[test]
    fn a_year_that_needs_more_than_four_digits_is_replaced_alone() {
        assert_eq!(written(253_402_300_800, 0, 0), "\"9999-01-01T00:00:00Z\"");
        assert_eq!(written(-62_167_219_201, 0, 0), "\"0000-12-31T23:59:59Z\"");
        assert!(written(i64::MAX, 999_999_999, 0).starts_with("\"9999-"));
        assert!(written(i64::MIN, u32::MAX, 0).starts_with("\"0000-"));
        let leap = days(10_000, 2, 29) * DAY;
        assert_eq!(written(leap, 0, 0), "\"9999-03-01T00:00:00Z\"");
    }

    #[test]
    fn days_that_do_not_exist_are_no_times() {
        for bad in [
            "2023-02-29T00:00:00Z",
            "2023-00-10T00:00:00Z",
            "2023-04-31T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:60Z",
            "2023-01-01T00:00:00+25:00",
            "2023-01-01T00:00:00.1234567890Z",
        ] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
        assert!(parse_time("2024-02-29T00:00:00Z").is_ok());
    }
}
