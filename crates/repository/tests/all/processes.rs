//! Many processes on one repository: paused, killed, beside each other and beside stock restic.

pub(crate) mod engine;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;

use model::Kind;
use repository::storage::{Disk, Storage};

use crate::oracle::restic;
use crate::sample;
use engine::{Place, restic_is_content, some_files};

/// The exit code of a refusal because of a lock.
const LOCKED: i32 = 11;

fn code(kind: Kind) -> i32 {
    i32::from(kind.exit_code())
}

/// One snapshot of the folder `old`, and a folder `new` that has half of its files.
fn with_one_snapshot() -> Place {
    let place = Place::new();
    place.write("old", &some_files(1));
    place.write("new", &some_files(2));
    place.write("new", &some_files(1).into_iter().take(2).collect());
    place.done(&["backup", "old"]);
    place
}

fn new_files() -> sample::Files {
    let mut files = some_files(2);
    files.extend(some_files(1).into_iter().take(2));
    files
}

#[test]
fn a_backup_killed_at_any_change_loses_nothing_and_the_next_one_goes_on() {
    let with_restic = restic();
    let before = with_one_snapshot();
    for at in 0.. {
        let place = before.twin();
        let status = place
            .start(&["backup", "new"], &format!("kill@{at}"))
            .ends()
            .status;
        let committed = place.snapshots();
        place.restores(&committed[0], &some_files(1));
        place.done(&["check"]);
        place.done(&["backup", "new"]);
        place.restores("latest", &new_files());
        assert_eq!(place.names("repository/locks"), Vec::<String>::new());
        if with_restic {
            restic_is_content(&place);
        }
        if status.success() {
            assert_eq!(committed.len(), 2);
            assert!(at >= 6, "a backup changes more than {at} files");
            return;
        }
        assert_eq!(status.signal(), Some(9), "{status}");
    }
}

#[test]
fn a_prune_killed_at_any_change_loses_nothing_and_the_next_one_goes_on() {
    let with_restic = restic();
    let before = with_one_snapshot();
    before.done(&["backup", "new"]);
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(before.path("repository")));
    let repository = sample::open(&storage).unwrap();
    repository
        .forget(&[repository.snapshots().unwrap()[0].id])
        .unwrap();
    for at in 0.. {
        let place = before.twin();
        let status = place.start(&["prune"], &format!("kill@{at}")).ends().status;
        place.done(&["check"]);
        place.restores("latest", &new_files());
        place.done(&["prune"]);
        place.restores("latest", &new_files());
        assert_eq!(place.snapshots().len(), 1);
        if with_restic {
            restic_is_content(&place);
        }
        if status.success() {
            assert!(at >= 6, "a prune changes more than {at} files");
            return;
        }
        assert_eq!(status.signal(), Some(9), "{status}");
    }
}

#[test]
fn writers_readers_a_prune_and_restic_stand_beside_each_other_and_wait_for_none() {
    if !restic() {
        return;
    }
    let place = with_one_snapshot();
    place.write("third", &some_files(3));
    place.write("fourth", &some_files(4));
    let first = place.snapshots().remove(0);
    // Two are paused in the middle of their work, with their locks.
    let one = place.start(&["backup", "new"], "stop@3").stops();
    let two = place.start(&["backup", "third"], "stop@2").stops();
    let refused = place.start(&["prune"], "").ends();
    assert_eq!(refused.status.code(), Some(LOCKED), "{refused:?}");
    assert!(!place.start_restic(&["prune"]).ends().status.success());
    // A third one is paused when it has restored everything and is about to let go of its lock.
    let reader = place.start(&["restore", &first, "read"], "stop@1").stops();
    place.start_restic(&["backup", "fourth"]).succeeds();
    place.restores(&first, &some_files(1));
    let two = two.goes_on();
    two.succeeds();
    assert_eq!(place.start(&["prune"], "").ends().status.code(), Some(LOCKED));
    one.goes_on().succeeds();
    assert_eq!(
        place.start(&["prune"], "").ends().status.code(),
        Some(LOCKED),
        "somebody still reads"
    );
    reader.goes_on().succeeds();
    place.holds("read", &some_files(1));
    // And a prune that is paused keeps everybody else out.
    let prune = place.start(&["prune"], "stop@1").stops();
    assert_eq!(
        place.start(&["backup", "new"], "").ends().status.code(),
        Some(LOCKED)
    );
    assert!(!place.start_restic(&["backup", "fourth"]).ends().status.success());
    prune.goes_on().succeeds();
    everything_is_there(&place);
}

/// Snapshots of the four folders, whoever made them and when.
fn everything_is_there(place: &Place) {
    let contents = [some_files(1), new_files(), some_files(3), some_files(4)];
    let mut found = [0; 4];
    for (number, snapshot) in place.snapshots().iter().enumerate() {
        let into = format!("found-{number}");
        place.done(&["restore", snapshot, &into]);
        // restic puts the folder's name on top of what is in it.
        let into = if place.names(&into) == ["fourth"] {
            into + "/fourth"
        } else {
            into
        };
        let is_it = |files: &sample::Files| {
            let read = |path| std::fs::read(place.path(&into).join(path)).ok();
            files
                .iter()
                .all(|(path, bytes)| read(path).as_ref() == Some(bytes))
        };
        let which = contents.iter().rposition(is_it).unwrap();
        place.holds(&into, &contents[which]);
        found[which] += 1;
    }
    assert!(found.iter().all(|count| *count > 0), "{found:?}");
    place.done(&["check"]);
    restic_is_content(place);
    place.done(&["backup", "new"]);
    place.restores("latest", &new_files());
}

#[test]
fn whoever_runs_at_the_same_time_loses_nothing() {
    if !restic() {
        return;
    }
    let place = with_one_snapshot();
    place.write("third", &some_files(3));
    place.write("fourth", &some_files(4));
    let first = place.snapshots().remove(0);
    for round in 0..3 {
        let mut running = vec![
            (place.start(&["backup", "new"], ""), true),
            (place.start(&["backup", "third"], ""), true),
            (
                place.start(&["restore", &first, &format!("read-{round}")], ""),
                true,
            ),
            (place.start(&["prune"], ""), true),
        ];
        running.push((place.start_restic(&["backup", "fourth"]), false));
        for (process, is_ours) in running {
            let output = process.ends();
            // Whoever comes too late is refused; nobody fails otherwise.
            let is_refused = output.status.code() == Some(LOCKED) || !is_ours;
            assert!(output.status.success() || is_refused, "{output:?}");
        }
        if place.path(&format!("read-{round}")).exists() {
            place.holds(&format!("read-{round}"), &some_files(1));
        }
    }
    for folder in ["new", "third"] {
        place.done(&["backup", folder]);
    }
    place.start_restic(&["backup", "fourth"]).succeeds();
    place.done(&["prune"]);
    everything_is_there(&place);
}

#[test]
fn a_writer_that_slept_through_a_prune_loses_nothing() {
    let mut place = with_one_snapshot();
    place
        .settings
        .push(("CAIRN_ENGINE_GRACE_MS", repository::GRACE_MS.to_string()));
    place.settings.push((
        "CAIRN_ENGINE_AHEAD",
        engine::path_of(&place.path("ahead")).to_owned(),
    ));
    let writer = place.start(&["backup", "new"], "stop@4").stops();
    let uploaded = packs(&place);
    let refused = place.start(&["prune"], "").ends();
    assert_eq!(refused.status.code(), Some(LOCKED));
    // Forty minutes later its lock is stale for everybody; the prune takes it away.
    std::fs::write(place.path("ahead"), (40 * 60_000).to_string()).unwrap();
    place.done(&["prune"]);
    assert_eq!(place.names("repository/locks"), Vec::<String>::new());
    assert!(
        uploaded.iter().all(|pack| packs(&place).contains(pack)),
        "the grace keeps what it uploaded"
    );
    let late = writer.goes_on().ends();
    assert_eq!(late.status.code(), Some(code(Kind::Locked)), "{late:?}");
    assert!(
        String::from_utf8_lossy(&late.stderr).contains("hint: "),
        "{late:?}"
    );
    assert_eq!(place.snapshots().len(), 1);
    place.done(&["backup", "new"]);
    place.restores("latest", &new_files());
    place.restores(&place.snapshots()[0], &some_files(1));
    place.done(&["check"]);
    if restic() {
        restic_is_content(&place);
    }
}

#[test]
fn a_writer_whose_lock_was_removed_by_force_commits_nothing_that_was_pruned() {
    let place = with_one_snapshot();
    let writer = place.start(&["backup", "new"], "stop@4").stops();
    for lock in place.names("repository/locks") {
        std::fs::remove_file(place.path("repository/locks").join(lock)).unwrap();
    }
    place.done(&["prune"]);
    assert_eq!(writer.goes_on().ends().status.code(), Some(LOCKED));
    assert_eq!(place.snapshots().len(), 1);
    place.done(&["backup", "new"]);
    place.restores("latest", &new_files());
    place.done(&["check"]);
}

/// Folders and files of the repository, and the way to it.
fn set_modes(place: &Place, folders: u32, files: u32) {
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&place.path("."), 0o755);
    let mut open = vec![place.path("repository")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                set(&path, files);
            }
        }
        set(&folder, folders);
    }
}

#[test]
fn who_may_not_write_is_told_and_may_still_restore() {
    let place = with_one_snapshot();
    fs::create_dir(place.path("out")).unwrap();
    fs::set_permissions(place.path("out"), fs::Permissions::from_mode(0o777)).unwrap();
    set_modes(&place, 0o555, 0o444);
    let before = packs(&place);
    for words in [&["backup", "old"][..], &["prune"]] {
        let refused = place.start_without_rights(words).ends();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{words:?}");
        assert!(
            said.contains("Permission denied") && said.contains("hint: check the permissions"),
            "{said}"
        );
    }
    place.start_without_rights(&["check"]).succeeds();
    place
        .start_without_rights(&["restore", "latest", "out/old"])
        .succeeds();
    place.holds("out/old", &some_files(1));
    assert_eq!(packs(&place), before);
    // Nor may it look, and then that is what is told, and not that there is no repository.
    let set_root = |mode| {
        let root = place.path("repository");
        fs::set_permissions(root, fs::Permissions::from_mode(mode)).unwrap();
    };
    set_root(0o000);
    let refused = place.start_without_rights(&["snapshots"]).ends();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("Permission denied") && said.contains("hint: "),
        "{said}"
    );
    // Otherwise the folder of the test could not be removed.
    set_root(0o755);
    set_modes(&place, 0o755, 0o644);
}

fn packs(place: &Place) -> Vec<String> {
    let folders = place.names("repository/data");
    let packs = folders
        .iter()
        .flat_map(|folder| place.names(&format!("repository/data/{folder}")));
    packs.filter(|name| name.len() == 64).collect()
}
