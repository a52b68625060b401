//! Listings: what is read and written has one form only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::format::tree;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut nodes) = tree::decode(bytes) else {
        return;
    };
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes.dedup_by(|a, b| a.name == b.name);
    let written = tree::encode(&nodes).expect("names ascend");
    let again = tree::decode(&written).expect("what was written is read");
    assert_eq!(tree::encode(&again).expect("names ascend"), written);
});
