//! Headers of packs: whatever is read is written again as it was; no file makes the reader stumble.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::format::pack;
use repository::format::seal::Key;

fuzz_target!(|bytes: &[u8]| {
    let key = Key::from_bytes([7; 64]);
    let _ = pack::read_file(&key, bytes);
    let Ok(entries) = pack::parse_header(bytes) else {
        return;
    };
    assert_eq!(pack::encode_header(&entries), bytes);
    let mut file = vec![
        0;
        entries
            .last()
            .map_or(0, |last| (last.offset + last.length) as usize % 100_000)
    ];
    pack::finish(&key, &entries, &mut file);
    if let Ok(read) = pack::read_file(&key, &file) {
        assert_eq!(read, entries);
    }
});
