//! Headers of packs and index files: known bytes, hostile bytes, every list comes back.

use model::Kind;
use proptest::prelude::*;
use repository::Id;
use repository::format::index_file::{self, PackContents};
use repository::format::pack::{self, BlobKind, PackEntry};

use crate::format_seal::{key, unhex};

fn data(id: Id, offset: u32, length: u32, plain_length: u32) -> PackEntry {
    PackEntry {
        kind: BlobKind::Data,
        id,
        offset,
        length,
        plain_length,
    }
}

#[test]
fn a_known_pack_is_read() {
    let header = unhex(
        "00250000004a9909a9516d02fd4c729a45922398fb41c398c235423a5304085bc923a8db67\
         002a000000fc11d6f28e59d3cc33c0b14ceb644bf0902ebd63d61218dffe9e7dac7c254542",
    );
    let entries = pack::parse_header(&header).unwrap();
    assert_eq!(entries[0].id, Id::of(b"cairn"));
    assert_eq!(entries[1], data(Id::of(b"xxxxxxxxxx"), 37, 42, 0));
    assert_eq!(pack::file_size(&entries), 189);
    assert_eq!(pack::encode_header(&entries), header);
    let mut file = key().seal(b"cairn");
    key().seal_append(b"xxxxxxxxxx", &mut file);
    pack::finish(&key(), &entries, &mut file);
    assert_eq!(file[185..], [0x6a, 0, 0, 0]);
    assert_eq!(pack::read_file(&key(), &file).unwrap(), entries);
}

#[test]
fn a_pack_that_is_cut_or_padded_is_damage() {
    let entry = PackEntry {
        kind: BlobKind::Tree,
        ..data(Id::of(b"a"), 0, 33, 0)
    };
    let mut file = key().seal(b"a");
    pack::finish(&key(), &[entry], &mut file);
    let read = |file: &[u8]| pack::read_file(&key(), file).unwrap_err().kind();
    for length in 0..file.len() {
        assert_eq!(read(&file[..length]), Kind::Damaged);
    }
    assert_eq!(read(&file[1..]), Kind::Damaged);
    file.insert(0, 0);
    assert_eq!(read(&file), Kind::Damaged);
}

#[test]
fn impossible_header_lengths_are_refused_before_anything_is_read() {
    let tail = |length: u32, size| pack::tail_length(size, length.to_le_bytes());
    assert_eq!(tail(106, 189).unwrap(), 110);
    assert_eq!(tail(16 << 20, 1 << 30).unwrap(), (16 << 20) + 4);
    for (length, size) in [
        (0, 189),
        (31, 189),
        (68, 189),
        (186, 189),
        (u32::MAX, u64::MAX),
        ((16 << 20) + 1, 1 << 30),
    ] {
        assert_eq!(
            tail(length, size).unwrap_err().kind(),
            Kind::Damaged,
            "{length} of {size}"
        );
    }
}

#[test]
fn entries_that_cannot_be_are_refused() {
    let entry = |kind: u8, length: u32, plain: Option<u32>| {
        let plain = plain
            .map(|plain| plain.to_le_bytes().to_vec())
            .unwrap_or_default();
        [&[kind], &length.to_le_bytes()[..], &plain, &[7; 32]].concat()
    };
    assert!(pack::parse_header(&entry(0, 32, None)).is_ok());
    assert!(pack::parse_header(&entry(3, 45, Some(100))).is_ok());
    for bad in [
        entry(0, 31, None),
        entry(4, 50, None),
        entry(2, 50, Some(0)),
        entry(255, 50, Some(1)),
    ] {
        assert!(pack::parse_header(&bad).is_err());
    }
    let huge = entry(0, u32::MAX, None);
    assert!(pack::parse_header(&[huge.clone(), huge].concat()).is_err());
    assert!(pack::parse_header(&entry(2, 50, Some(9))[..40]).is_err());
}

#[test]
fn an_index_is_written_as_restic_writes_it() {
    let pack = PackContents {
        id: Id::of(b"pack"),
        blobs: vec![
            data(Id::of(b"a"), 0, 38, 0),
            PackEntry {
                kind: BlobKind::Tree,
                ..data(Id::of(b"b"), 38, 112, 511)
            },
        ],
    };
    let text = format!(
        "{{\"packs\":[{{\"id\":\"{}\",\"blobs\":[{{\"id\":\"{}\",\"type\":\"data\",\"offset\":0,\"length\":38}},\
         {{\"id\":\"{}\",\"type\":\"tree\",\"offset\":38,\"length\":112,\"uncompressed_length\":511}}]}}]}}\n",
        Id::of(b"pack"),
        Id::of(b"a"),
        Id::of(b"b")
    );
    assert_eq!(String::from_utf8(index_file::encode(&[pack])).unwrap(), text);
}

#[test]
fn an_index_of_any_writer_is_read() {
    let (pack, blob) = (Id::of(b"pack"), Id::of(b"blob"));
    let json = format!(
        r#" {{ "future" : [1, {{"a": null}}], "supersedes":["{pack}"], "packs" : null,
            "packs_to_delete":[{{"time":"2026-01-01T00:00:00Z","size":7,"blobs":[
                {{"length":40,"offset":33,"type":"tree","extra":true,"id":"{blob}"}},
                {{"length":33,"offset":0,"type":"data","id":"{blob}"}}],"id":"{pack}"}}] }} "#
    );
    let file = index_file::decode(json.as_bytes()).unwrap();
    assert_eq!(file.supersedes, [pack]);
    assert!(file.packs.is_empty());
    let offsets: Vec<u32> = file.marked[0].blobs.iter().map(|blob| blob.offset).collect();
    assert_eq!(offsets, [0, 33]);
    assert_eq!(
        index_file::decode(b"{}").unwrap(),
        index_file::IndexFile::default()
    );
}

#[test]
fn a_malformed_index_is_damage() {
    let id = Id::of(b"x");
    let blob = |fields: &str| format!(r#"{{"packs":[{{"id":"{id}","blobs":[{{{fields}}}]}}]}}"#);
    let good = blob(&format!(r#""id":"{id}","type":"data","offset":0,"length":32"#));
    assert!(index_file::decode(good.as_bytes()).is_ok());
    let nested = format!(r#"{{"x":{}"#, "[".repeat(100_000));
    for bad in [
        good.replace("data", "date"),
        good.replace(":32", ":31"),
        good.replace(":32", ":-1"),
        good.replace(":32", ":3.2"),
        good.replace(":32", ":4294967296"),
        good.replace(":0,", ":4294967290,"),
        good.replace(&id.hex(), "00"),
        format!("{good}x"),
        good[..good.len() - 1].to_owned(),
        format!("[{good}]"),
        blob(""),
        nested,
    ] {
        assert_eq!(
            index_file::decode(bad.as_bytes()).unwrap_err().kind(),
            Kind::Damaged,
            "{bad:.80}"
        );
    }
}

#[test]
fn a_pack_that_two_index_files_share_is_whole() {
    let blobs = [
        data(Id::of(b"a"), 0, 33, 0),
        data(Id::of(b"b"), 33, 40, 0),
        data(Id::of(b"c"), 73, 50, 0),
    ];
    let pack = |blobs: &[PackEntry]| PackContents {
        id: Id::of(b"pack"),
        blobs: blobs.to_vec(),
    };
    let other = PackContents {
        id: Id::of(b"other"),
        blobs: blobs[..1].to_vec(),
    };
    let merged = index_file::merge([
        vec![pack(&blobs[1..]), other.clone()],
        vec![pack(&blobs[..2])],
        vec![other.clone()],
    ]);
    assert_eq!(merged, [pack(&blobs), other]);
}

fn any_blobs() -> impl Strategy<Value = Vec<PackEntry>> {
    let one = (
        any::<bool>(),
        any::<[u8; 32]>(),
        32_u32..100_000,
        prop_oneof![Just(0), any::<u32>()],
    );
    proptest::collection::vec(one, 0..40).prop_map(|parts| {
        let mut offset = 0;
        let place = |(tree, id, length, plain_length)| {
            let kind = if tree { BlobKind::Tree } else { BlobKind::Data };
            let entry = PackEntry {
                kind,
                ..data(Id::from_bytes(id), offset, length, plain_length)
            };
            offset += length;
            entry
        };
        parts.into_iter().map(place).collect()
    })
}

proptest! {
    #[test]
    fn a_header_comes_back(blobs in any_blobs()) {
        let header = pack::encode_header(&blobs);
        prop_assert_eq!(&pack::parse_header(&header).unwrap(), &blobs);
        if let Some(last) = blobs.last() {
            let size = u64::from(last.offset + last.length) + header.len() as u64 + 36;
            prop_assert_eq!(pack::file_size(&blobs), size);
        }
    }

    #[test]
    fn an_index_comes_back(packs in proptest::collection::vec((any::<[u8; 32]>(), any_blobs()), 0..5)) {
        let packs: Vec<_> = packs.into_iter().map(|(id, blobs)| PackContents { id: Id::from_bytes(id), blobs }).collect();
        prop_assert_eq!(index_file::decode(&index_file::encode(&packs)).unwrap().packs, packs);
    }

    #[test]
    fn a_damaged_index_is_an_error_or_an_index(packs in any_blobs(), at: usize, byte: u8) {
        let mut json = index_file::encode(&[PackContents { id: Id::of(b"p"), blobs: packs }]);
        let at = at % json.len();
        json[at] = byte;
        let _ = index_file::decode(&json);
        let _ = index_file::decode(&json[..at]);
    }
}
