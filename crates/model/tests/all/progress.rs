//! Watching and stopping work.

use model::{Cancel, Kind, Progress};

#[test]
fn everybody_sees_a_cancel() {
    let cancel = Cancel::new();
    let worker = cancel.clone();
    assert!(worker.check().is_ok());
    cancel.cancel();
    assert_eq!(worker.check().unwrap_err().kind(), Kind::Cancelled);
}

#[test]
fn a_watcher_sees_what_the_worker_counts_and_a_new_phase_begins_at_nothing() {
    let progress = Progress::new();
    let worker = progress.clone();
    worker.phase("reading");
    worker.expect(10, 1000);
    worker.item("a");
    worker.item("b");
    worker.items(3);
    worker.bytes(512);
    let seen = progress.seen();
    assert_eq!((seen.phase.as_str(), seen.item.as_str()), ("reading", "b"));
    assert_eq!(
        (
            seen.items_done,
            seen.items_total,
            seen.bytes_done,
            seen.bytes_total
        ),
        (3, 10, 512, 1000)
    );
    worker.phase("storing");
    let seen = progress.seen();
    assert_eq!(
        (
            seen.phase.as_str(),
            seen.item.as_str(),
            seen.items_done,
            seen.bytes_total
        ),
        ("storing", "", 0, 0)
    );
}
