//! Reads JSON from front to back without building it: listings have hundreds of thousands of entries.
//!
//! Nouns: a [`Pull`] stands at a place in a text; each call reads one thing there and moves behind it, or says what was
//! expected. Rules: nothing is trusted; values that nobody asked for are passed over by `serde_json`, which bounds how deep they nest;
//! strings are borrowed unless they have escapes.

use std::borrow::Cow;

use serde::de::IgnoredAny;

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

    /// Calls `field` with each key; it must read the value.
    pub(crate) fn object(&mut self, mut field: impl FnMut(&mut Self, &str) -> Parsed<()>) -> Parsed<()> {
        self.expect(b'{', "an object")?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':', "a colon")?;
            field(self, &key)?;
            if !self.eat(b',') {
                return self.expect(b'}', "the end of an object");
            }
        }
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

    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let length = rest.iter().position(special).ok_or("the end of a string")?;
        if rest[length] == b'"' {
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
