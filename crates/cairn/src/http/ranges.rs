//! Parts of a file, as `Range` asks for them: one part; who asks for several gets the whole, which he must be able to take.

use axum::http::{HeaderMap, header};

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// From the first byte to the last one, both included.
    Bytes(u64, u64),
    /// Nothing of the file lies there.
    Nowhere,
}

/// `size` is that of the file. A condition that cannot be judged makes it the whole.
pub(crate) fn asked(headers: &HeaderMap, size: u64) -> Part {
    if headers.contains_key(header::IF_RANGE) {
        return Part::Whole;
    }
    let text = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    text.and_then(|text| read(text, size)).unwrap_or(Part::Whole)
}

/// `None`: it is not understood, and passed over.
fn read(text: &str, size: u64) -> Option<Part> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    if last.contains(',') {
        return None;
    }
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return Some(match length.min(size) {
            0 => Part::Nowhere,
            length => Part::Bytes(size - length, size - 1),
        });
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() {
        u64::MAX
    } else {
        last.parse().ok()?
    };
    if last < first {
        return None;
    }
    Some(if first >= size {
        Part::Nowhere
    } else {
        Part::Bytes(first, last.min(size - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_sent_as_it_was_asked_for() {
        for (text, part) in [
            ("bytes=0-3", Part::Bytes(0, 3)),
            ("bytes=3-", Part::Bytes(3, 8)),
            ("bytes=3-99", Part::Bytes(3, 8)),
            ("bytes=-4", Part::Bytes(5, 8)),
            ("bytes=-99", Part::Bytes(0, 8)),
            ("bytes=9-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=x-", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=18446744073709551616-", Part::Whole),
        ] {
            assert_eq!(read(text, 9).unwrap_or(Part::Whole), part, "{text}");
        }
        assert_eq!(read("bytes=0-", 0), Some(Part::Nowhere));
    }
}
