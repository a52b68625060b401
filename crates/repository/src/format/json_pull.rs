//! Reads JSON from front to back without building it: listings have hundreds of thousands of entries.
//!
//! Nouns: a [`Pull`] stands at a place in a text; each call reads one thing there and moves behind it, or says what was
//! expected. Rules: nothing is trusted; values that nobody asked for are passed over by `serde_json`, which bounds how deep they nest;
//! strings are borrowed unless they have escapes.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::Id;

/// What was expected instead.
pub(crate) type Parsed<T> = Result<T, &'static str>;

pub(crate) struct Pull<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Pull<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Pull { text, at: 0 }
    }

    /// How far it came, for messages.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, name: &'static str) -> Parsed<()> {
        if self.eat(byte) { Ok(()) } else { Err(name) }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err("the end")
        }
    }

    /// `null`, which counts as absent.
    pub(crate) fn null(&mut self) -> bool {
        let found = self.peek() == Some(b'n') && self.text.as_bytes()[self.at..].starts_with(b"null");
        self.at += if found { 4 } else { 0 };
        found
    }

    /// Reads the key of a table that begins here, tried from `next` on: `"key":` without any white space.
    fn guess<F>(&mut self, table: &[(&str, F)], next: usize) -> Option<usize> {
        let rest = self.text.as_bytes()[self.at..].strip_prefix(b"\"")?;
        let begins = |key: &str| {
            let after = rest.strip_prefix(key.as_bytes());
            after.is_some_and(|after| after.starts_with(b"\":"))
        };
        let found = (next..table.len().min(next + 5)).find(|at| begins(table[*at].0))?;
        self.at += table[found].0.len() + 3;
        Some(found)
    }

    /// Calls `field` for each key of an object that stands in the table; it must read the value. Other keys are passed
    /// over. Quickest when the keys come in the order of the table.
    pub(crate) fn fields<F: Copy>(
        &mut self,
        table: &[(&str, F)],
        mut field: impl FnMut(&mut Self, F) -> Parsed<()>,
    ) -> Parsed<()> {
        self.expect(b'{', "an object")?;
        if self.eat(b'}') {
            return Ok(());
        }
        let mut next = 0;
        loop {
            let found = self.guess(table, next);
            let found = if found.is_some() { found } else { self.find(table)? };
            if let Some(at) = found {
                next = at + 1;
                field(self, table[at].1)?;
            } else {
                self.skip()?;
            }
            if !self.eat(b',') {
                return self.expect(b'}', "the end of an object");
            }
        }
    }

    fn find<F>(&mut self, table: &[(&str, F)]) -> Parsed<Option<usize>> {
        let key = self.string()?;
        self.expect(b':', "a colon")?;
        Ok(table.iter().position(|(known, _)| *known == key))
    }

    /// Calls `item` for each item, which it must read; `null` is an empty list.
    pub(crate) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if self.null() {
            return Ok(());
        }
        self.expect(b'[', "a list")?;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.eat(b',') {
                return self.expect(b']', "the end of a list");
            }
        }
    }

    /// A list as a whole.
    pub(crate) fn items<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        self.list(|pull| {
            items.push(item(pull)?);
            Ok(())
        })?;
        Ok(items)
    }

    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let length = plain_length(rest);
        if rest.get(length) == Some(&b'"') {
            self.at += length + 1;
            return Ok(Cow::Borrowed(&self.text[start..start + length]));
        }
        self.at -= 1;
        self.escaped().map(Cow::Owned)
    }

    fn escaped(&mut self) -> Parsed<String> {
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter();
        let text = values.next().and_then(Result::ok).ok_or("a well-formed string")?;
        self.at += values.byte_offset();
        Ok(text)
    }

    /// An id; the most frequent long string.
    pub(crate) fn id(&mut self) -> Parsed<Id> {
        self.expect(b'"', "an id")?;
        let digits = self.text.get(self.at..self.at + 64).ok_or("an id")?;
        let id = Id::parse(digits).map_err(|_| "an id")?;
        self.at += 64;
        self.expect(b'"', "the end of an id")?;
        Ok(id)
    }

    /// A string, or nothing for `null`.
    pub(crate) fn text(&mut self) -> Parsed<Cow<'a, str>> {
        if self.null() {
            Ok(Cow::Borrowed(""))
        } else {
            self.string()
        }
    }

    /// A number without sign, fraction and exponent; `null` is 0.
    pub(crate) fn number(&mut self) -> Parsed<u64> {
        const WANTED: &str = "a whole number in range";
        if self.null() {
            return Ok(0);
        }
        self.peek();
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = rest.split_at(length);
        if digits.is_empty()
            || (length > 1 && digits[0] == b'0')
            || matches!(after.first(), Some(b'.' | b'e' | b'E'))
        {
            return Err(WANTED);
        }
        let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        self.at += length;
        digits.iter().try_fold(0, add).ok_or(WANTED)
    }

    pub(crate) fn small(&mut self) -> Parsed<u32> {
        u32::try_from(self.number()?).map_err(|_| "a number below 2^32")
    }

    /// Passes over any value; its text.
    pub(crate) fn skip(&mut self) -> Parsed<&'a str> {
        self.peek();
        let start = self.at;
        let mut values = serde_json::Deserializer::from_str(&self.text[start..]).into_iter::<IgnoredAny>();
        values.next().and_then(Result::ok).ok_or("a value")?;
        self.at += values.byte_offset();
        Ok(&self.text[start..self.at])
    }
}

/// How many bytes there are before the first quote, backslash or control character; eight at a time.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES << 5) & !word & (ONES << 7);
        let special =
            zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if special != 0 {
            return at * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::plain_length;

    #[test]
    fn every_special_byte_is_found_at_every_place() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut text = vec![0xc3; 20];
                text[at] = byte;
                let special = matches!(byte, b'"' | b'\\' | 0..0x20);
                assert_eq!(
                    plain_length(&text),
                    if special { at } else { 20 },
                    "{byte} at {at}"
                );
                text[(at + 1) % 20] = b'"';
                assert_eq!(
                    plain_length(&text),
                    if special {
                        at.min((at + 1) % 20)
                    } else {
                        (at + 1) % 20
                    }
                );
            }
        }
    }
}
