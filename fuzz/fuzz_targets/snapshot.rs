//! Snapshots and locks: what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::Id;
use repository::format::lock_file::LockFile;
use repository::format::snapshot::Snapshot;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(snapshot) = Snapshot::decode(Id::default(), bytes) {
        let again = Snapshot::decode(Id::default(), &snapshot.encode()).expect("what was written is read");
        assert_eq!(again.time_ms().ok(), snapshot.time_ms().ok());
        assert_eq!(
            (again.tree, again.paths, again.tags),
            (snapshot.tree, snapshot.paths, snapshot.tags)
        );
    }
    if let Ok(lock) = LockFile::decode(bytes) {
        assert_eq!(
            LockFile::decode(&lock.encode()).expect("what was written is read"),
            lock
        );
        let _ = lock.time_ms();
    }
});
