//! Index files: what is read and written again is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::format::index_file;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = index_file::decode(bytes) else {
        return;
    };
    let again = index_file::decode(&index_file::encode(&file.packs)).expect("what was written is read");
    assert_eq!(again.packs, file.packs);
    let merged = index_file::merge([file.packs.clone(), file.marked]);
    assert!(merged.len() >= usize::from(!file.packs.is_empty()));
});
