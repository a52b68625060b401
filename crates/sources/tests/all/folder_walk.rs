//! A walk through more entries than are looked at on one thread.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use model::{Content, Kind, Problem, Result};
use sources::folder::walk::{WalkOptions, walk};

use crate::folder_worlds::in_memory;

/// Folders and files under names of every sort, 2,400 entries in all.
fn fill(root: &Path) {
    for number in 0..12_u8 {
        let name = [b'd', b'\n', 0x80 + number * 7 % 12, b'-'];
        let dir = root.join(OsStr::from_bytes(&name)).join("inner");
        fs::create_dir_all(&dir).unwrap();
        for file in 0..198_usize {
            let mut name = (file * 7_919 % 198).to_string().into_bytes();
            name.push(0xff);
            fs::write(dir.join(OsStr::from_bytes(&name)), "x".repeat(file % 3)).unwrap();
        }
    }
}

fn expected(dir: &Path, relative: &Path, all: &mut Vec<PathBuf>) {
    let names = fs::read_dir(dir).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name(), entry.file_type().unwrap().is_dir())
    });
    for (name, is_dir) in names.collect::<BTreeMap<_, _>>() {
        all.push(relative.join(&name));
        if is_dir {
            expected(&dir.join(&name), &relative.join(&name), all);
        }
    }
}

#[test]
fn a_large_folder_is_told_in_order_whatever_the_names() -> Result<()> {
    let root = in_memory();
    fill(root.path());
    let mut all = Vec::new();
    expected(root.path(), Path::new(""), &mut all);
    let mut told = Vec::new();
    let walked = walk(
        root.path(),
        &WalkOptions::default(),
        &mut |path, meta, content| {
            let is_filled = meta.is_file() && meta.size > 0;
            match content {
                Content::Beneath { path: below, .. } => assert!(is_filled && below == path),
                _ => assert!(!is_filled),
            }
            told.push(path.to_path_buf());
            Ok(())
        },
    )?;
    assert!(told == all, "{} of {}", told.len(), all.len());
    assert_eq!(
        (walked.entries, walked.files, walked.bytes),
        (2_400, 2_376, 2_376)
    );
    assert_eq!(walked.skipped, []);
    Ok(())
}

/// Walks until something happens at this entry; what came of it, and how many entries were told.
fn walk_until(
    at: usize,
    options: &WalkOptions,
    happens: &mut dyn FnMut() -> Result<()>,
) -> (Result<()>, usize) {
    let root = in_memory();
    fill(root.path());
    let mut count = 0;
    let walked = walk(root.path(), options, &mut |_, _, _| {
        count += 1;
        if count == at { happens() } else { Ok(()) }
    });
    (walked.map(|_| ()), count)
}

#[test]
fn whoever_does_not_want_more_is_told_no_more() {
    for at in [1, 256, 257, 1_000, 2_400] {
        let refuse = &mut || Err(Problem::invalid("enough"));
        let (walked, count) = walk_until(at, &WalkOptions::default(), refuse);
        assert_eq!(walked.unwrap_err().message(), "enough");
        assert_eq!(count, at);
    }
}

#[test]
fn a_cancelled_walk_tells_nothing_after_it() {
    for at in [1, 256, 257, 1_000] {
        let options = WalkOptions::default();
        let (walked, count) = walk_until(at, &options, &mut || {
            options.cancel.cancel();
            Ok(())
        });
        assert_eq!(walked.unwrap_err().kind(), Kind::Cancelled);
        assert_eq!(count, at);
    }
}

#[test]
fn a_panic_of_whoever_is_told_ends_the_walk() {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        walk_until(1_000, &WalkOptions::default(), &mut || panic!("over"))
    }));
    assert!(ended.is_err());
}

#[test]
fn a_file_far_ahead_that_vanishes_is_told_and_the_rest_is_kept() -> Result<()> {
    let root = in_memory();
    for number in 1_000..3_000 {
        fs::write(root.path().join(number.to_string()), "there").unwrap();
    }
    let mut told = 0;
    let walked = walk(root.path(), &WalkOptions::default(), &mut |_, _, _| {
        told += 1;
        if told == 1 {
            fs::remove_file(root.path().join("2999")).unwrap();
        }
        Ok(())
    })?;
    assert_eq!((told, walked.files), (1_999, 1_999));
    assert_eq!(walked.skipped, [], "what was deleted is not lacking");
    assert_eq!(walked.vanished.len(), 1);
    assert_eq!(walked.vanished[0].0, Path::new("2999"));
    Ok(())
}
