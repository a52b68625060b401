//! JSON as Go's `encoding/json` writes it, so that the same directory gives the same bytes whoever writes it.
//!
//! Nouns: *escaping* makes a JSON string; *quoting* (`strconv.Quote`) makes text of a name's raw bytes and comes
//! before escaping, so a backslash in a name is doubled twice. Times are in `go_time`.
//!
//! Rules: what Cairn writes is byte-exact; what it reads may come from any writer.

use std::borrow::Cow;

use super::printable::is_printable;

/// Appends `"…"`. Every byte that is not UTF-8 becomes the six characters `\ufffd`.
pub(crate) fn push_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if text.iter().copied().all(is_plain) {
        out.extend_from_slice(text);
    } else {
        for chunk in text.utf8_chunks() {
            push_escaped(chunk.valid().as_bytes(), out);
            chunk
                .invalid()
                .iter()
                .for_each(|_| out.extend_from_slice(b"\\ufffd"));
        }
    }
    out.push(b'"');
}

/// Stands for itself in a JSON string, in a quoted name, and in UTF-8.
fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..0x7f) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

fn push_escaped(bytes: &[u8], out: &mut Vec<u8>) {
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
}

/// Appends a name: quoted, then as a JSON string.
pub(crate) fn push_name(raw: &[u8], out: &mut Vec<u8>) {
    if raw.iter().copied().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(raw);
        out.push(b'"');
    } else {
        push_string(quote(raw).as_bytes(), out);
    }
}

/// Appends a number in decimal.
pub(crate) fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `strconv.Quote` of raw bytes, without the quotes around.
fn quote(raw: &[u8]) -> String {
    let mut quoted = String::with_capacity(raw.len() + 8);
    for chunk in raw.utf8_chunks() {
        chunk
            .valid()
            .chars()
            .for_each(|character| quote_character(character, &mut quoted));
        for byte in chunk.invalid() {
            quoted.push_str("\\x");
            quoted.push_str(&hex::encode([*byte]));
        }
    }
    quoted
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

/// The raw bytes of a quoted name, unless it has an escape that Go does not know.
pub(crate) fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut rest = text.as_bytes();
    let mut raw = Vec::with_capacity(rest.len());
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        raw.extend_from_slice(&rest[..at]);
        let used = unquote_one(&rest[at + 1..], &mut raw)?;
        rest = &rest[at + 1 + used..];
    }
    raw.extend_from_slice(rest);
    Some(raw)
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
