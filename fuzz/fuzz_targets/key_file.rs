//! Key files and what they hold: nothing makes the reader stumble or demands more than it may.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::format::key_file::KeyFile;
use repository::format::seal::Key;

/// Costs above are run only when they are refused at once.
const QUICK: u64 = 1 << 12;
const REFUSED: u64 = 1 << 35;

fuzz_target!(|bytes: &[u8]| {
    let _ = Key::from_json(bytes);
    let Ok(file) = KeyFile::decode(bytes) else {
        return;
    };
    let cost = file.n.saturating_mul(file.r).saturating_mul(file.p);
    if !(QUICK..REFUSED).contains(&cost) {
        let opened = file.open("password");
        assert!(cost < REFUSED || opened.is_err());
    }
});
