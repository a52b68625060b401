//! Configs and unpacked files: whatever was sealed is read or refused, within its bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::format::config::Config;
use repository::format::seal::Key;
use repository::format::unpacked;

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let key = Key::from_bytes([7; 64]);
    let _ = Config::decode(&key, bytes);
    let sealed = key.seal(bytes);
    if let Ok(config) = Config::decode(&key, &sealed) {
        assert!((1..=2).contains(&config.version));
        assert!(Config::decode(&key, &config.encode(&key)).is_ok());
    }
    if let Ok(json) = unpacked::decode(&key, &sealed, LIMIT) {
        assert!(json.len() <= LIMIT);
    }
});
