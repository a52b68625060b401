//! Unfinished files of killed writers: a prune removes them when nobody can be writing them any more, and nothing else.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use model::{Cancel, Clock, Progress};
use repository::storage::{Disk, Storage};
use repository::{Options, PrunePlan, Repository};
use testkit::FakeClock;

use crate::oracle::restic;
use crate::processes::engine::{Place, restic_is_content, some_files};
use crate::sample::{self, options, write};

const MINUTE_MS: i64 = 60_000;

/// All files below a folder whose name has this in it.
fn with_name(dir: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(with_name(&path, part));
        } else if path.file_name().unwrap().to_str().unwrap().contains(part) {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_a_writer_killed_at_any_call_left_goes_with_a_prune_when_its_lock_would_have_gone() {
    let before = Place::new();
    before.write("old", &some_files(1));
    before.write("new", &some_files(2));
    before.done(&["backup", "old"]);
    let mut left = 0;
    for at in 0.. {
        let mut place = before.twin();
        place.settings.push(("CAIRN_ENGINE_DIES_AT_CALL", at.to_string()));
        let status = place.start(&["backup", "new"], "").ends().status;
        place.settings.pop();
        let names = with_name(&place.path("repository"), "-tmp-");
        if !names.is_empty() {
            left += 1;
            place.done(&["prune"]);
            // Somebody might still be writing them.
            assert_eq!(with_name(&place.path("repository"), "-tmp-"), names, "call {at}");
            let ahead = place.path("ahead");
            fs::write(&ahead, (31 * MINUTE_MS).to_string()).unwrap();
            place
                .settings
                .push(("CAIRN_ENGINE_AHEAD", ahead.to_str().unwrap().to_owned()));
            place.done(&["prune"]);
            let stays = with_name(&place.path("repository"), "-tmp-");
            assert!(stays.is_empty(), "call {at}: {stays:?}");
            place.restores(&place.snapshots()[0], &some_files(1));
            if restic() {
                restic_is_content(&place);
            }
        }
        if status.success() {
            assert!(left >= 4, "only {left} left something");
            return;
        }
        assert_eq!(status.signal(), Some(9), "{status}");
    }
}

struct Scene {
    dir: tempfile::TempDir,
    clock: FakeClock,
    repository: Repository,
}

impl Scene {
    fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), FakeClock::new());
        let storage: Arc<dyn Storage> = Arc::new(Disk::new(dir.path()));
        let options = Options {
            clock: Arc::new(clock.clone()),
            ..options()
        };
        let repository = Repository::create(storage, sample::PASSWORD, options).unwrap();
        write(&repository, None, &sample::files(1), 1).unwrap();
        Scene {
            dir,
            clock,
            repository,
        }
    }

    /// A file of a hundred bytes that was written some minutes ago.
    fn file(&self, name: &str, minutes: i64) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [7; 100]).unwrap();
        let ms = self.clock.now_ms() - minutes * MINUTE_MS;
        let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap());
        File::open(&path).unwrap().set_modified(time).unwrap();
        path
    }

    fn prune(&self) -> PrunePlan {
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let planned = self.repository.plan_prune(0, &progress, &cancel).unwrap();
        let done = self.repository.prune(0, &progress, &cancel).unwrap();
        assert_eq!(planned, done);
        done
    }
}

/// An id that begins with these two digits.
fn id(begin: &str) -> String {
    format!("{begin}{}", "5".repeat(62))
}

#[test]
fn ours_are_found_in_every_folder_and_their_bytes_are_told() {
    let scene = Scene::new();
    let salt = "-tmp-00112233445566ff";
    let ours = [
        format!("config{salt}"),
        format!("keys/{}{salt}", id("00")),
        format!("snapshots/{}{salt}", id("11")),
        format!("index/{}{salt}", id("22")),
        format!("locks/{}{salt}", id("33")),
        format!("data/ab/{}{salt}", id("ab")),
    ];
    let paths = ours.each_ref().map(|name| scene.file(name, 31));
    let done = scene.prune();
    let places: Vec<String> = done
        .leftovers
        .iter()
        .map(|left| left.place.display().to_string())
        .collect();
    let mut wanted = ours.to_vec();
    wanted.sort();
    assert_eq!(places, wanted);
    assert_eq!(done.bytes_freed, 600);
    assert!(paths.iter().all(|path| !path.exists()));
    assert!(scene.prune().is_empty());
}

#[test]
fn what_is_foreign_young_or_no_file_stays() {
    let scene = Scene::new();
    let salt = "-tmp-00112233445566ff";
    let stay = [
        // As stock restic names its own.
        (format!("data/ab/{}-tmp-1234567890", id("ab")), 90),
        (format!("data/ab/{}-tmp-1234567890123456789", id("ab")), 90),
        // In a folder where it does not belong.
        (format!("data/cd/{}{salt}", id("ab")), 90),
        (format!("data/{}{salt}", id("ab")), 90),
        (format!("other/{}{salt}", id("ab")), 90),
        (format!("{}{salt}", id("ab")), 90),
        (format!("snapshots/config{salt}"), 90),
        // Almost such a name.
        (format!("index/notes{salt}"), 90),
        (format!("index/{}{salt}.bak", id("ab")), 90),
        (format!("index/{}{}", id("ab"), salt.to_uppercase()), 90),
        (
            format!("index/{}{salt}", id("ab").to_uppercase().replace('5', "B")),
            90,
        ),
        // Somebody may be writing these.
        (format!("locks/{}{salt}", id("44")), 29),
        (format!("index/{}{salt}", id("55")), -90),
    ];
    let mut paths: Vec<PathBuf> = stay
        .iter()
        .map(|(name, minutes)| scene.file(name, *minutes))
        .collect();
    let link = scene.dir.path().join(format!("keys/{}{salt}", id("66")));
    std::os::unix::fs::symlink(&paths[0], &link).unwrap();
    paths.push(link);
    let folder = scene.dir.path().join(format!("keys/{}{salt}", id("77")));
    fs::create_dir(&folder).unwrap();
    paths.push(folder);
    let done = scene.prune();
    assert_eq!((done.leftovers.len(), done.bytes_freed), (0, 0), "{done:?}");
    for path in paths {
        assert!(path.symlink_metadata().is_ok(), "{} is gone", path.display());
    }
}
