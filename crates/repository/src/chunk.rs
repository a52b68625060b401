//! Where a stream is cut into chunks.
//!
//! Nouns: a [`Cutter`] says how long the next chunk is. *Whole*: one chunk. *Pages*: a fixed length, so that databases and region
//! files, which change in place, stay aligned. *Content-defined*: a rolling gear hash with normalised chunking (FastCDC's idea):
//! an insertion moves one cut and not all.
//!
//! Rules: the gear table is keyed per repository, so that chunk lengths do not tell known files; cut points are stable across
//! releases for a given key (a test pins them). Files below [`SMALL`] are one chunk, as restic cuts them.

use model::Chunking;

/// Below this a file is always one chunk; restic's smallest chunk.
pub(crate) const SMALL: u64 = 512 << 10;
/// No chunk is longer.
pub(crate) const MAX_CHUNK: usize = 8 << 20;
/// Databases and region files are cut at multiples of this.
const PAGE_CHUNK: u32 = 64 << 10;

/// The keyed table of a repository's chunker.
#[derive(Clone)]
pub(crate) struct Gear(Box<[u64; 256]>);

impl std::fmt::Debug for Gear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gear(…)")
    }
}

impl Gear {
    /// The table is a function of secret key material: outsiders cannot predict cut points.
    pub(crate) fn keyed(secret: &[u8]) -> Self {
        let mut bytes = [0; 256 * 8];
        let mut reader = blake3::Hasher::new_derive_key("cairn chunker gear table v1")
            .update(secret)
            .finalize_xof();
        reader.fill(&mut bytes);
        let mut table = Box::new([0; 256]);
        for (entry, chunk) in table.iter_mut().zip(bytes.chunks_exact(8)) {
            *entry = u64::from_le_bytes(chunk.try_into().expect("chunks of eight"));
        }
        Gear(table)
    }
}

/// How the chunks of one stream are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cutter {
    Whole,
    Pages(usize),
    Content { min: usize, average: usize, max: usize },
}

impl Cutter {
    /// The cutter for an entry: what the source asked for, or what name and size suggest.
    pub(crate) fn choose(chunking: Chunking, name: &[u8], size: Option<u64>) -> Self {
        match chunking {
            _ if size.is_some_and(|size| size < SMALL) && !matches!(chunking, Chunking::Pages { .. }) => {
                Cutter::Whole
            }
            Chunking::Pages { size } => Cutter::Pages((size.clamp(4096, 1 << 20)) as usize),
            Chunking::ContentDefined { average } => {
                Cutter::content(average.clamp(16 << 10, 2 << 20) as usize)
            }
            Chunking::Auto if changes_in_place(name) => Cutter::Pages(PAGE_CHUNK as usize),
            Chunking::Auto => Cutter::content(1 << 20),
        }
    }

    fn content(average: usize) -> Self {
        Cutter::Content {
            min: average / 2,
            average,
            max: (average * 8).min(MAX_CHUNK),
        }
    }

    /// A chunk that is shorter may go on, unless the stream has ended or something follows.
    pub(crate) fn wants(self) -> usize {
        match self {
            Cutter::Whole => MAX_CHUNK,
            Cutter::Pages(size) => size,
            Cutter::Content { max, .. } => max,
        }
    }

    /// How many bytes are read at once: several chunks, and little enough to stay near the processor.
    pub(crate) fn block(self) -> usize {
        match self {
            Cutter::Whole => MAX_CHUNK,
            Cutter::Pages(size) => (8 * size).max(1 << 20),
            Cutter::Content { average, .. } => (4 * average).clamp(1 << 20, MAX_CHUNK),
        }
    }

    /// Length of the first chunk of these bytes, of which the first `searched` are known to hold no cut.
    pub(crate) fn cut_after(self, gear: &Gear, data: &[u8], searched: usize) -> usize {
        match self {
            Cutter::Whole => data.len().min(MAX_CHUNK),
            Cutter::Pages(size) => data.len().min(size),
            Cutter::Content { min, average, max } => {
                cut_content(gear, data, [min, average, max], min.max(searched))
            }
        }
    }
}

/// Formats that are rewritten page by page.
fn changes_in_place(name: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 9] = [
        b".mca",
        b".mcr",
        b".db",
        b".sqlite",
        b".sqlite3",
        b".db3",
        b".mdb",
        b".qcow2",
        b".vmdk",
    ];
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// A harder condition before the wanted length and an easier one after it keep lengths near the average.
fn cut_content(gear: &Gear, data: &[u8], [min, average, max]: [usize; 3], start: usize) -> usize {
    let end = data.len().min(max);
    if end <= start {
        return end;
    }
    let bits = average.trailing_zeros() - 1;
    let (hard, easy) = (mask(bits + 1), mask(bits.saturating_sub(1)));
    let middle = end.min(average.max(min)).max(start);
    let mut hash: u64 = 0;
    // The window is 64 bytes: begin it before the first possible cut.
    for &byte in &data[start - start.min(64)..start] {
        hash = (hash << 1).wrapping_add(gear.0[usize::from(byte)]);
    }
    if let Some(at) = scan(gear, &mut hash, &data[start..middle], hard) {
        return start + at;
    }
    match scan(gear, &mut hash, &data[middle..end], easy) {
        Some(at) => middle + at,
        None => end,
    }
}

fn mask(bits: u32) -> u64 {
    // The high bits depend on all 64 bytes of the window.
    !0 << (64 - bits)
}

/// Position after the first byte at which the masked hash is zero.
fn scan(gear: &Gear, hash: &mut u64, data: &[u8], mask: u64) -> Option<usize> {
    let of = |byte: u8| gear.0[usize::from(byte)];
    let mut rolling = *hash;
    let (fours, rest) = data.as_chunks::<4>();
    // Four bytes a step: only one of the four hashes has to wait for the step before.
    for (at, &[a, b, c, d]) in fours.iter().enumerate() {
        let one = of(a);
        let two = (one << 1).wrapping_add(of(b));
        let three = (two << 1).wrapping_add(of(c));
        let four = (three << 1).wrapping_add(of(d));
        let hashes = [
            (rolling << 1).wrapping_add(one),
            (rolling << 2).wrapping_add(two),
            (rolling << 3).wrapping_add(three),
            (rolling << 4).wrapping_add(four),
        ];
        rolling = hashes[3];
        if let Some(found) = hashes.iter().position(|hash| hash & mask == 0) {
            *hash = hashes[found];
            return Some(4 * at + found + 1);
        }
    }
    let found = rest.iter().position(|&byte| {
        rolling = (rolling << 1).wrapping_add(of(byte));
        rolling & mask == 0
    });
    *hash = rolling;
    found.map(|at| 4 * fours.len() + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state: u64 = 7;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn lengths(cutter: Cutter, mut data: &[u8]) -> Vec<usize> {
        let gear = Gear::keyed(b"test");
        let mut lengths = Vec::new();
        while !data.is_empty() {
            let length = cutter.cut_after(&gear, &data[..data.len().min(cutter.wants())], 0);
            lengths.push(length);
            data = &data[length..];
        }
        lengths
    }

    #[test]
    fn cut_points_do_not_move_between_releases() {
        let found = lengths(Cutter::content(64 << 10), &noise(1 << 20));
        assert_eq!(found.iter().sum::<usize>(), 1 << 20);
        assert_eq!(found[..4], GOLDEN);
    }

    const GOLDEN: [usize; 4] = [74_042, 69_322, 72_074, 36_422];

    #[test]
    fn searching_on_finds_the_same_cut() {
        let (data, gear) = (noise(4 << 20), Gear::keyed(b"test"));
        let cutter = Cutter::content(64 << 10);
        let first = cutter.cut_after(&gear, &data, 0);
        for searched in [1, 1000, 32 << 10, 64 << 10, first - 1] {
            let before = cutter.cut_after(&gear, &data[..searched], 0);
            assert_eq!(before, searched, "no cut yet");
            assert_eq!(cutter.cut_after(&gear, &data, searched), first);
        }
    }

    #[test]
    fn chunks_keep_their_bounds_and_average() {
        let data = noise(32 << 20);
        let found = lengths(Cutter::content(64 << 10), &data);
        let (last, rest) = found.split_last().unwrap();
        assert!(rest.iter().all(|length| (32 << 10..=512 << 10).contains(length)));
        assert!(*last <= 512 << 10);
        let average = data.len() / found.len();
        assert!((48 << 10..96 << 10).contains(&average), "average {average}");
    }

    #[test]
    fn an_insertion_moves_few_cuts() {
        let data = noise(4 << 20);
        let mut longer = data.clone();
        longer.insert(1 << 20, 1);
        let ends = |lengths: Vec<usize>, total: usize| {
            let mut at = 0;
            lengths
                .iter()
                .map(|length| {
                    at += length;
                    total - at
                })
                .collect::<std::collections::HashSet<_>>()
        };
        let before = ends(lengths(Cutter::content(64 << 10), &data), data.len());
        let after = ends(lengths(Cutter::content(64 << 10), &longer), longer.len());
        assert!(
            before.difference(&after).count() <= 20,
            "{}",
            before.difference(&after).count()
        );
    }

    #[test]
    fn the_name_and_the_size_choose() {
        let choose = |name: &str, size| Cutter::choose(Chunking::Auto, name.as_bytes(), Some(size));
        assert_eq!(choose("a.txt", 10), Cutter::Whole);
        assert_eq!(choose("r.0.0.MCA", 10 << 20), Cutter::Pages(64 << 10));
        assert!(matches!(choose("a.jar", 10 << 20), Cutter::Content { .. }));
    }
}
