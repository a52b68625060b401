//! JSON as Go's `encoding/json` writes it, so that the same directory gives the same bytes whoever writes it.
//!
//! Nouns: *escaping* makes a JSON string; *quoting* (`strconv.Quote`) makes text of a name's raw bytes and comes
//! before escaping, so a backslash in a name is doubled twice. *Times* are RFC 3339, written in UTC.
//!
//! Rules: what Cairn writes is byte-exact; what it reads may come from any writer.

use std::borrow::Cow;

use model::{Problem, Result, Timestamp};

use super::printable::is_printable;

/// Appends `"…"`.
pub(crate) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        // U+2028 and U+2029 are e2 80 a8 and e2 80 a9.
        let escape: (Cow<'static, str>, usize) = match byte {
            b'"' => ("\\\"".into(), 1),
            b'\\' => ("\\\\".into(), 1),
            b'\n' => ("\\n".into(), 1),
            b'\r' => ("\\r".into(), 1),
            b'\t' => ("\\t".into(), 1),
            0x08 => ("\\b".into(), 1),
            0x0c => ("\\f".into(), 1),
            b'<' | b'>' | b'&' | 0..0x20 => (format!("\\u{byte:04x}").into(), 1),
            0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => ("\\u2028".into(), 3),
            0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => ("\\u2029".into(), 3),
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(escape.0.as_bytes());
        copied = at + escape.1;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// `strconv.Quote` of raw bytes, without the quotes around.
pub(crate) fn quote(raw: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| matches!(byte, 0x20..0x7f) && !matches!(byte, b'"' | b'\\');
    if let (true, Ok(text)) = (raw.iter().all(plain), std::str::from_utf8(raw)) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(raw.len() + 8);
    for chunk in raw.utf8_chunks() {
        chunk
            .valid()
            .chars()
            .for_each(|character| quote_character(character, &mut quoted));
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(quoted)
}

fn quote_character(character: char, quoted: &mut String) {
    let letter = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        _ if is_printable(character) => return quoted.push(character),
        _ => "",
    };
    quoted.push_str(letter);
    if letter.is_empty() {
        let escaped = match u32::from(character) {
            code @ (0..0x20 | 0x7f) => format!("\\x{code:02x}"),
            code @ ..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        };
        quoted.push_str(&escaped);
    }
}

/// The raw bytes of a quoted name.
pub(crate) fn unquote(text: &str) -> Result<Vec<u8>> {
    let mut rest = text.as_bytes();
    let mut raw = Vec::with_capacity(rest.len());
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        raw.extend_from_slice(&rest[..at]);
        let used = unquote_one(&rest[at + 1..], &mut raw)
            .ok_or_else(|| Problem::damaged(format!("the name “{text}” has an unknown escape")))?;
        rest = &rest[at + 1 + used..];
    }
    raw.extend_from_slice(rest);
    Ok(raw)
}

/// Reads what follows a backslash; how many bytes that was.
fn unquote_one(rest: &[u8], raw: &mut Vec<u8>) -> Option<usize> {
    let single = match *rest.first()? {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' => b'\\',
        b'"' => b'"',
        b'\'' => b'\'',
        letter => return unquote_number(letter, rest, raw),
    };
    raw.push(single);
    Some(1)
}

fn unquote_number(letter: u8, rest: &[u8], raw: &mut Vec<u8>) -> Option<usize> {
    let (start, length, radix) = match letter {
        b'x' => (1, 2, 16),
        b'u' => (1, 4, 16),
        b'U' => (1, 8, 16),
        b'0'..=b'7' => (0, 3, 8),
        _ => return None,
    };
    let digits = rest.get(start..start + length)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    if matches!(letter, b'u' | b'U') {
        let mut buffer = [0; 4];
        raw.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
    } else {
        raw.push(u8::try_from(code).ok()?);
    }
    Some(start + length)
}

const FIRST: i64 = -62_167_219_200; // 0000-01-01T00:00:00Z
const LAST: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
const DAY: i64 = 86_400;

/// Appends `"2026-01-02T03:04:05.6Z"` with its quotes; a year outside 0000–9999 becomes the nearest one.
pub(crate) fn push_time(time: Timestamp, out: &mut Vec<u8>) {
    let seconds = time.seconds.clamp(FIRST, LAST);
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let two = |value: i64, out: &mut Vec<u8>| {
        out.push(b'0' + (value / 10) as u8);
        out.push(b'0' + (value % 10) as u8);
    };
    out.push(b'"');
    two(year / 100, out);
    for (separator, value) in [(None, year % 100), (Some(b'-'), month), (Some(b'-'), day)] {
        out.extend(separator);
        two(value, out);
    }
    for (separator, value) in [
        (b'T', of_day / 3600),
        (b':', of_day / 60 % 60),
        (b':', of_day % 60),
    ] {
        out.push(separator);
        two(value, out);
    }
    push_fraction(time.nanos, out);
    out.extend_from_slice(b"Z\"");
}

fn push_fraction(nanos: u32, out: &mut Vec<u8>) {
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    let mut rest = nanos;
    let mut digit = 100_000_000;
    while rest > 0 {
        out.push(b'0' + (rest / digit) as u8);
        rest %= digit;
        digit /= 10;
    }
}

/// Reads RFC 3339 with any offset.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp> {
    parse_time_bytes(text.as_bytes()).ok_or_else(|| Problem::damaged(format!("“{text}” is not a time")))
}

fn parse_time_bytes(text: &[u8]) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)?.iter().try_fold(0_i64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|(at, mark)| text.get(*at) == Some(mark)) {
        return None;
    }
    let (month, day) = (number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if text.get(at) == Some(&b'.') {
        let digits = text[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 || digits > 9 {
            return None;
        }
        nanos = number(at + 1..at + 1 + digits)? as u32 * 10_u32.pow(9 - digits as u32);
        at += 1 + digits;
    }
    let offset = match &text[at..] {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let seconds = number(at + 1..at + 3)? * 3600 + number(at + 4..at + 6)? * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = days(number(0..4)?, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    Some(Timestamp { seconds, nanos })
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
