//! Config, key files, snapshots and locks: known values, hostile values, what is not known stays.

use model::Kind;
use proptest::prelude::*;
use repository::Id;
use repository::format::config::Config;
use repository::format::key_file::{Cost, KeyFile};
use repository::format::lock_file::LockFile;
use repository::format::seal::Key;
use repository::format::snapshot::{self, Snapshot};
use repository::format::unpacked;

use crate::format_seal::key;

const TREE: &str = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8";

fn reread(config: &Config) -> model::Result<Config> {
    Config::decode(&key(), &config.encode(&key()))
}

#[test]
fn only_irreducible_polynomials_open() {
    let with = |polynomial: &str| {
        let chunker_polynomial = polynomial.to_owned();
        reread(&Config {
            chunker_polynomial,
            ..Config::random()
        })
    };
    for good in ["25b468838dcb75", "379419cd1547f3", "3da3358b4dc173", "7"] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in [
        "20000000000001",
        "",
        "xyz",
        "0",
        "1",
        "5",
        "-7",
        "fffffffffffffffff",
    ] {
        assert_eq!(with(bad).unwrap_err().kind(), Kind::Damaged, "{bad}");
    }
}

#[test]
fn new_repositories_have_their_own_identity_and_a_polynomial_of_degree_53() {
    let (one, other) = (Config::random(), Config::random());
    assert_ne!(one.id, other.id);
    let polynomial = u64::from_str_radix(&one.chunker_polynomial, 16).unwrap();
    assert_eq!(polynomial.leading_zeros(), 63 - 53);
    assert_eq!(reread(&one).unwrap(), one);
}

#[test]
fn a_config_of_another_version_is_refused_with_a_way_out() {
    let read = |version: u32| {
        reread(&Config {
            version,
            ..Config::random()
        })
    };
    assert!(read(1).is_ok());
    for version in [0, 3, u32::MAX] {
        let problem = read(version).unwrap_err();
        assert_eq!(problem.kind(), Kind::TooNew);
        assert!(problem.hint_text().is_some());
    }
}

#[test]
fn a_config_keeps_what_it_does_not_know() {
    let json = format!(
        r#"{{"version":2,"id":"{TREE}","chunker_polynomial":"25b468838dcb75","append_only":true,"treepack_size":7}}"#
    );
    let config = Config::decode(&key(), &key().seal(json.as_bytes())).unwrap();
    assert!(config.is_append_only() && !config.is_hot_half());
    assert_eq!(key().open(&config.encode(&key())).unwrap(), json.as_bytes());
    assert!(Config::decode(&key(), &unpacked::encode(&key(), json.as_bytes())).is_err());
}

#[test]
fn the_known_password_opens_a_key_file() {
    // scrypt of “cairn” with the salt 00…3f, N = 1024, r = 8, p = 1, as it stands in the reference.
    let user = crate::format_seal::unhex(
        "7fa367d0805765d573da3c75a18a07d353ebf2317b1061e27a2c4e5cfbf2519e\
         3c987e160c57f6de006ab18131a6abaa3912494c2bded049efca98d235be4899",
    );
    let user = Key::from_bytes(user.try_into().unwrap());
    let salt: Vec<u8> = (0..64).collect();
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let json = format!(
        r#"{{"kdf":"scrypt","N":1024,"r":8,"p":1,"salt":"{}","data":"{}"}}"#,
        encode(&salt),
        encode(&user.seal(&key().to_json()))
    );
    let file = KeyFile::decode(json.as_bytes()).unwrap();
    assert_eq!(file.open("cairn").unwrap(), Some(key()));
    assert_eq!(file.open("Cairn").unwrap(), None);
}

fn key_file() -> KeyFile {
    KeyFile::create(
        &key(),
        "pässword",
        Cost::GENERATED,
        snapshot::time_text(0),
        "host".into(),
    )
    .unwrap()
}

#[test]
fn a_key_file_opens_with_its_password_only() {
    let file = KeyFile::decode(&key_file().encode()).unwrap();
    assert_eq!(file.open("pässword").unwrap(), Some(key()));
    assert_eq!(file.open("password").unwrap(), None);
    assert_ne!(key_file().salt, file.salt);
}

#[test]
fn a_key_file_with_absurd_cost_is_refused_before_it_is_run() {
    for (n, r, p) in [
        (1 << 30, 8, 1),
        (1000, 8, 1),
        (0, 8, 1),
        (1, 8, 1),
        (1 << 10, 0, 1),
        (1 << 10, 8, 0),
        (1 << 20, 8, 1000),
        (2, 1, 1 << 25),
        (2, 1 << 22, 1 << 22),
        (u64::MAX, u64::MAX, 1),
    ] {
        let file = KeyFile {
            n,
            r,
            p,
            ..key_file()
        };
        assert_eq!(file.open("x").unwrap_err().kind(), Kind::Damaged, "{n} {r} {p}");
    }
}

#[test]
fn a_key_file_that_is_not_as_it_must_be_is_damage_and_no_wrong_password() {
    let good = key_file();
    let kdf = KeyFile {
        kdf: "argon2id".into(),
        ..good.clone()
    };
    assert!(kdf.open("x").unwrap_err().hint_text().is_some());
    for (salt, data) in [
        ("AAAA", good.data.as_str()),
        ("?", &good.data),
        (&good.salt, "AAAA"),
        (&good.salt, "%"),
    ] {
        let file = KeyFile {
            salt: salt.into(),
            data: data.into(),
            ..good.clone()
        };
        assert_eq!(file.open("pässword").unwrap_err().kind(), Kind::Damaged);
    }
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"kdf":"scrypt","N":-1,"r":8,"p":1,"salt":"","data":""}"#,
    ] {
        assert_eq!(KeyFile::decode(bad.as_bytes()).unwrap_err().kind(), Kind::Damaged);
    }
}

#[test]
fn times_from_any_writer_are_read() {
    for (text, ms) in [
        ("2017-07-14T04:40:00.12+02:00", 1_500_000_000_120),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("2024-02-29T23:59:59.999-00:30", 1_709_252_999_999),
    ] {
        assert_eq!(snapshot::parse_ms(text).unwrap(), ms, "{text}");
    }
    for bad in [
        "",
        "2017-07-14 04:40:00Z",
        "2017-13-14T04:40:00Z",
        "2017-07-14T04:40:00",
        "2017-07-14T04:40:00.Z",
        "2017-07-14T04:40:00z",
        "+017-07-14T04:40:00Z",
    ] {
        assert!(snapshot::parse_ms(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_snapshot_keeps_what_it_does_not_know() {
    let json = format!(
        r#"{{"time":"2026-01-01T00:00:00Z","tree":"{TREE}","paths":["/a"],"hostname":"h","tags":["t"],"program_version":"x 1","summary":{{"backup_start":"2026-01-01T00:00:00Z","backup_end":"2026-01-01T00:00:01Z","files_new":1,"files_changed":2,"files_unmodified":3,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":9,"data_added_packed":10,"total_files_processed":11,"total_bytes_processed":12,"total_duration":1.5}},"delete":"Never","label":"x"}}"#
    );
    let read = Snapshot::decode(Id::of(b"name"), json.as_bytes()).unwrap();
    assert_eq!(read.id, Id::of(b"name"));
    assert_eq!(read.summary.as_ref().unwrap().total_bytes_processed, 12);
    assert_eq!(String::from_utf8(read.encode()).unwrap(), json);
}

#[test]
fn a_snapshot_without_tree_or_time_is_damage() {
    let tree = format!(r#""tree":"{TREE}""#);
    let time = r#""time":"2026-01-01T00:00:00Z""#;
    let read =
        |fields: &[&str]| Snapshot::decode(Id::default(), format!("{{{}}}", fields.join(",")).as_bytes());
    assert!(
        read(&[time, &tree, r#""paths":null,"tags":null,"excludes":null"#])
            .unwrap()
            .paths
            .is_empty()
    );
    for bad in [
        &[time, r#""tree":null"#][..],
        &[time],
        &[&tree],
        &[r#""time":"soon""#, &tree],
    ] {
        assert_eq!(read(bad).unwrap_err().kind(), Kind::Damaged);
    }
}

#[test]
fn a_lock_is_written_as_restic_writes_it() {
    let json = r#"{"time":"2026-05-01T12:00:00.1Z","exclusive":false,"hostname":"nas","username":"ann","pid":4711,"uid":1000,"gid":1000}"#;
    let lock = LockFile::decode(json.as_bytes()).unwrap();
    assert_eq!(lock.encode(), json.as_bytes());
    assert_eq!(lock.time_ms().unwrap(), 1_777_636_800_100);
    let root = LockFile {
        uid: 0,
        gid: 0,
        ..lock
    };
    assert!(root.encode().ends_with(br#""pid":4711}"#));
}

proptest! {
    #[test]
    fn every_moment_comes_back(ms in -62_167_219_200_000..253_402_300_799_999_i64) {
        prop_assert_eq!(snapshot::parse_ms(&snapshot::time_text(ms)).unwrap(), ms);
    }

    #[test]
    fn noise_is_an_error_and_never_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Snapshot::decode(Id::default(), &noise).is_err());
        prop_assert!(KeyFile::decode(&noise).is_err());
        prop_assert!(LockFile::decode(&noise).is_err());
        prop_assert!(Config::decode(&key(), &key().seal(&noise)).is_err());
        let _ = unpacked::decode(&key(), &key().seal(&noise), 1000);
    }
}
