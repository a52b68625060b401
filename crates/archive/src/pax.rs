//! The records of a pax header: `length key=value\n`, the length counting itself.
//!
//! Rules: values are bytes and may hold anything, newlines and NULs too; so records are cut by their lengths and never
//! by newlines. In the keys of attributes `=` and `%` are written as `%3D` and `%25`, as GNU tar does.

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use model::{Timestamp, Xattr};

pub(super) const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// Appends one record.
pub(super) fn put(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

pub(super) fn put_attribute(records: &mut Vec<u8>, attribute: &Xattr) {
    let mut key = ATTRIBUTE.to_vec();
    for byte in attribute.name.as_bytes() {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'=' => key.extend_from_slice(b"%3D"),
            other => key.push(*other),
        }
    }
    put(records, &key, &attribute.value);
}

pub(super) fn attribute(key: &[u8], value: &[u8]) -> Option<Xattr> {
    let written = key.strip_prefix(ATTRIBUTE)?;
    let mut name = Vec::with_capacity(written.len());
    let mut at = 0;
    while at < written.len() {
        let (byte, length) = match &written[at..] {
            [b'%', b'3', b'D', ..] => (b'=', 3),
            [b'%', b'2', b'5', ..] => (b'%', 3),
            rest => (rest[0], 1),
        };
        name.push(byte);
        at += length;
    }
    Some(Xattr {
        name: std::ffi::OsString::from_vec(name),
        value: value.to_vec(),
    })
}

/// Cuts records apart; `None` when they are malformed.
pub(super) fn parse(mut records: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut found = Vec::new();
    while !records.is_empty() {
        let space = records.iter().take(20).position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        found.push((&record[..equals], &record[equals + 1..]));
        records = &records[length..];
    }
    Some(found)
}

/// `-1.5` is half a second before the second before 1970: seconds −2, nanoseconds 500,000,000.
pub(super) fn time_text(time: Timestamp) -> String {
    let total = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let sign = if total < 0 { "-" } else { "" };
    let (seconds, nanos) = (
        total.unsigned_abs() / 1_000_000_000,
        total.unsigned_abs() % 1_000_000_000,
    );
    let text = format!("{sign}{seconds}.{nanos:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 18 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let total = whole.parse::<i128>().ok()? * 1_000_000_000 + nanos.parse::<i128>().ok()?;
    let total = if negative { -total } else { total };
    Some(Timestamp {
        seconds: total.div_euclid(1_000_000_000) as i64,
        nanos: total.rem_euclid(1_000_000_000) as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for size in [0, 1, 89, 90, 91, 92, 93, 94, 95, 990, 991, 992, 9990] {
            let value = vec![b'\n'; size];
            let mut records = Vec::new();
            put(&mut records, b"path", &value);
            put(&mut records, b"next", b"1");
            let expected: Vec<(&[u8], &[u8])> = vec![(b"path", &value), (b"next", b"1")];
            assert_eq!(parse(&records), Some(expected), "{size}");
        }
    }

    #[test]
    fn malformed_records_are_nothing() {
        for wrong in [
            "x",
            "5 a=b\n",
            "7 a=b\n",
            "6 a=bc",
            "6 abcd",
            "99999999999999999999 a=b\n",
            "0 a=b\n",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn times_before_1970_come_back() {
        for (seconds, nanos) in [
            (0, 0),
            (-2, 500_000_000),
            (-1, 999_999_999),
            (1_700_000_000, 1),
            (5, 0),
        ] {
            let moment = Timestamp { seconds, nanos };
            assert_eq!(time(time_text(moment).as_bytes()), Some(moment));
        }
        assert_eq!(
            time_text(Timestamp {
                seconds: -2,
                nanos: 500_000_000
            }),
            "-1.5"
        );
    }
}
