//! Names: any bytes survive being written; any quoted text is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::format::tree::{self, Node};

fuzz_target!(|bytes: &[u8]| {
    let node = Node {
        name: bytes.to_vec(),
        ..Node::default()
    };
    let _ = node.name_problem();
    let written = tree::encode(std::slice::from_ref(&node)).expect("one name is in order");
    assert_eq!(tree::decode(&written).expect("what was written is read"), [node]);
    let json = [b"{\"nodes\":[{\"type\":\"file\",\"name\":\"", bytes, b"\"}]}\n"].concat();
    let _ = tree::decode(&json);
});
