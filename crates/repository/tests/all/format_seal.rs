//! Sealing against known bytes; files that are sealed whole.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use model::Kind;
use proptest::prelude::*;
use repository::format::seal::{Key, OVERHEAD};
use repository::format::unpacked;

/// The key of the known vectors: the bytes 0 to 63.
pub(crate) fn key() -> Key {
    Key::from_bytes(std::array::from_fn(|at| at as u8))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

#[test]
fn known_sealed_bytes_open() {
    let iv = "404142434445464748494a4b4c4d4e4f";
    for (rest, plain) in [
        ("859469c07743c7e45b318d151d3d87e9", ""),
        ("c01fb64df9857b243e2dddd3a365461550a2cd8a9f", "cairn"),
        (
            "d85cb150f33fc9cda9203fba8769c47f91ec41da1bcc2336ae529e6752",
            "{\"nodes\":[]}\n",
        ),
    ] {
        let opened = key().open(&unhex(&format!("{iv}{rest}"))).unwrap();
        assert_eq!(opened, plain.as_bytes());
    }
}

#[test]
fn the_master_key_has_restics_json() {
    let json = r#"{"mac":{"k":"ICEiIyQlJicoKSorLC0uLw==","r":"MDEyMzQ1Njc4OTo7PD0+Pw=="},"encrypt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
    assert_eq!(key().to_json().as_slice(), json.as_bytes());
    assert_eq!(Key::from_json(json.as_bytes()).unwrap(), key());
}

#[test]
fn a_key_with_an_empty_part_is_refused() {
    let zeros = "AAAAAAAAAAAAAAAAAAAAAA==";
    let json = String::from_utf8(key().to_json().to_vec()).unwrap();
    for part in ["ICEiIyQlJicoKSorLC0uLw==", "MDEyMzQ1Njc4OTo7PD0+Pw=="] {
        let hollow = json.replace(part, zeros);
        assert_eq!(
            Key::from_json(hollow.as_bytes()).unwrap_err().kind(),
            Kind::Damaged
        );
        let short = json.replace(part, "AAAA");
        assert_eq!(
            Key::from_json(short.as_bytes()).unwrap_err().kind(),
            Kind::Damaged
        );
    }
    assert!(key().is_valid());
    assert!(!Key::from_bytes([0; 64]).is_valid());
}

#[test]
fn keys_that_differ_in_masked_bits_are_the_same_key() {
    let mut bytes = *key().as_bytes();
    bytes[48 + 3] |= 0xf0;
    bytes[48 + 4] |= 0x03;
    let other = Key::from_bytes(bytes);
    assert_eq!(other, key());
    assert_eq!(other.open(&key().seal(b"cairn")).unwrap(), b"cairn");
}

#[test]
fn the_same_bytes_are_sealed_differently_each_time() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        assert!(seen.insert(key().seal(b"cairn")[..16].to_vec()));
    }
}

#[test]
fn an_initial_vector_of_zeros_is_refused_though_its_sum_is_right() {
    // Over nothing the sum is the vector itself, encrypted.
    let cipher = aes::Aes128::new_from_slice(&key().as_bytes()[32..48]).unwrap();
    for (vector, opens) in [([0; 16], false), ([1; 16], true)] {
        let mut sum = vector.into();
        cipher.encrypt_block(&mut sum);
        assert_eq!(key().open(&[vector, sum.into()].concat()).is_ok(), opens);
    }
}

#[test]
fn every_length_around_the_pieces_comes_back() {
    let long: Vec<u8> = (0..100_000_u32).map(|at| (at * 7 % 251) as u8).collect();
    for length in (0..200)
        .chain(16_300..16_400)
        .chain(32_760..32_776)
        .chain([99_999, 100_000])
    {
        let plain = &long[..length];
        let mut sealed = vec![1, 2, 3];
        key().seal_append(plain, &mut sealed);
        assert_eq!(sealed.len(), 3 + length + OVERHEAD);
        let mut opened = vec![9];
        key().open_append(&sealed[3..], &mut opened).unwrap();
        assert_eq!(opened[0], 9);
        assert_eq!(&opened[1..], plain, "length {length}");
    }
}

#[test]
fn what_does_not_open_leaves_the_buffer_as_it_was() {
    let mut sealed = key().seal(&vec![5; 50_000]);
    sealed[40_000] ^= 1;
    let mut opened = vec![1, 2];
    assert!(key().open_append(&sealed, &mut opened).is_err());
    assert_eq!(opened, [1, 2]);
    for length in 0..OVERHEAD {
        assert!(key().open(&sealed[..length]).is_err());
    }
}

#[test]
fn a_compressed_bomb_is_stopped_at_the_limit() {
    let bomb = unpacked::encode(&key(), &vec![b' '; 1 << 20]);
    assert!(bomb.len() < 1000);
    assert_eq!(
        unpacked::decode(&key(), &bomb, 1000).unwrap_err().kind(),
        Kind::Damaged
    );
    assert_eq!(unpacked::decode(&key(), &bomb, 1 << 20).unwrap().len(), 1 << 20);
}

#[test]
fn unpacked_files_of_older_writers_are_read() {
    let read = |plain: &[u8]| unpacked::decode(&key(), &key().seal(plain), 100);
    assert_eq!(read(b"{}").unwrap(), b"{}");
    assert_eq!(read(b"[]").unwrap(), b"[]");
    assert_eq!(read(b"").unwrap(), b"");
    assert_eq!(read(b"\x01{}").unwrap_err().kind(), Kind::Damaged);
    assert_eq!(read(&[b'{'; 101]).unwrap_err().kind(), Kind::Damaged);
}

#[test]
fn what_follows_or_lacks_in_a_compressed_file_is_damage() {
    let packed = zstd::bulk::compress(b"{\"a\":1}", 3).unwrap();
    let read = |parts: &[&[u8]]| unpacked::decode(&key(), &key().seal(&parts.concat()), 100);
    assert!(read(&[b"\x02", &packed]).is_ok());
    assert!(read(&[b"\x02", &packed, b"garbage"]).is_err());
    for length in 1..packed.len() {
        assert!(read(&[b"\x02", &packed[..length]]).is_err(), "cut to {length}");
    }
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_and_no_flipped_byte_does(plain in proptest::collection::vec(any::<u8>(), 0..300), bit in 0..8) {
        let mut sealed = key().seal(&plain);
        let mut in_place = sealed.clone();
        key().open_in_place(&mut in_place).unwrap();
        prop_assert_eq!(&in_place, &plain);
        prop_assert_eq!(key().open(&sealed).unwrap(), plain);
        for at in 0..sealed.len() {
            sealed[at] ^= 1_u8 << bit;
            prop_assert!(key().open(&sealed).is_err());
            let mut in_place = sealed.clone();
            prop_assert!(key().open_in_place(&mut in_place).is_err());
            prop_assert_eq!(&in_place, &sealed);
            sealed[at] ^= 1_u8 << bit;
        }
    }
}
