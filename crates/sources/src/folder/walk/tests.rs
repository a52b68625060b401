//! Trees that are deep, and folders that change under a descent, one step at a time.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use super::super::beneath::Root;
use super::batch::{Batch, Visitor};
use super::descent::Descent;
use super::levels::MOST_OPEN;
use super::{WalkOptions, Walked};

/// A folder whose depth no ordinary removal is made for.
struct Deep(tempfile::TempDir);

impl Drop for Deep {
    fn drop(&mut self) {
        let _ = std::process::Command::new("rm")
            .arg("-rf")
            .arg(self.0.path())
            .status();
    }
}

impl Deep {
    /// Folders `m` in each other; in each a file before the next folder, and one after it.
    fn new(depth: usize) -> Self {
        let deep = Deep(tempfile::tempdir().expect("a folder"));
        fs::create_dir(deep.root()).expect("made");
        let mut at = open(CWD, &deep.root());
        for _ in 0..depth {
            for name in ["a", "z"] {
                let flags = OFlags::CREATE | OFlags::WRONLY;
                rustix::fs::openat(&at, name, flags, Mode::RUSR).expect("a file");
            }
            rustix::fs::mkdirat(&at, "m", Mode::RWXU).expect("a folder");
            at = open(&at, Path::new("m"));
        }
        deep
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    fn beside(&self) -> PathBuf {
        self.0.path().join("beside")
    }
}

fn open(at: impl std::os::fd::AsFd, path: &Path) -> OwnedFd {
    rustix::fs::openat(at, path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).expect("opened")
}

/// So many folders down.
fn down(depth: usize) -> PathBuf {
    std::iter::repeat_n("m", depth).collect()
}

/// Everything in such a tree, in order.
fn all(depth: usize) -> Vec<PathBuf> {
    let before = (0..depth).flat_map(|at| [down(at).join("a"), down(at).join("m")]);
    let after = (0..depth).rev().map(|at| down(at).join("z"));
    before.chain(after).collect()
}

/// Looks at one entry after the other; after each somebody may meddle.
fn stepwise(root: &Path, meddle: &mut dyn FnMut(&Path)) -> (Vec<PathBuf>, Walked) {
    let options = WalkOptions::default();
    let root_path = root;
    let root = Root::open(root).expect("the root is there");
    let mut descent = Descent::begin(&root, root_path, &options).expect("the root can be read");
    let mut paths = Vec::new();
    let mut visit = |path: &Path, _, _| {
        paths.push(path.to_path_buf());
        meddle(path);
        Ok(())
    };
    let mut visitor = Visitor::new(&root, &options.cancel, &mut visit);
    let mut batch = Batch::default();
    loop {
        let goes_on = descent.fill(&mut batch, 1).expect("not cancelled");
        visitor.take(&mut batch).expect("taken");
        if !goes_on {
            return (paths, descent.seen());
        }
    }
}

fn handles_below(root: &Path) -> usize {
    let handles = fs::read_dir("/proc/self/fd").expect("the handles").flatten();
    let places = handles.filter_map(|handle| fs::read_link(handle.path()).ok());
    places.filter(|place| place.starts_with(root)).count()
}

#[test]
fn a_tree_that_is_deeper_than_handles_go_is_walked_with_a_few() {
    let depth = 1_100;
    let deep = Deep::new(depth);
    let (mut most, mut count) = (0, 0);
    let (paths, seen) = stepwise(&deep.root(), &mut |_| {
        count += 1;
        if count % 300 == 0 {
            most = most.max(handles_below(&deep.root()));
        }
    });
    assert!(paths == all(depth), "{} entries, {:?}", paths.len(), seen.skipped);
    assert_eq!(seen.skipped, []);
    assert!((MOST_OPEN..=MOST_OPEN + 2).contains(&most), "{most}");
}

#[test]
fn a_deep_folder_that_is_moved_away_meanwhile_is_read_to_its_end_and_nothing_beside_it() {
    let depth = 3 * MOST_OPEN;
    let deep = Deep::new(depth);
    fs::create_dir(deep.beside()).expect("made");
    for name in ["secret", "z"] {
        fs::write(deep.beside().join(name), "not ours").expect("written");
    }
    let deepest = down(depth - 1).join("a");
    let (paths, seen) = stepwise(&deep.root(), &mut |path| {
        if path == deepest {
            fs::rename(deep.root().join(down(5)), deep.beside().join("m")).expect("moved");
        }
    });
    assert!(paths == all(depth), "{} entries", paths.len());
    assert_eq!(seen.skipped, []);
}

#[test]
fn a_link_that_took_the_place_of_a_folder_on_the_way_back_is_not_followed() {
    let (depth, moved) = (3 * MOST_OPEN, 40);
    let deep = Deep::new(depth);
    fs::create_dir(deep.beside()).expect("made");
    let deepest = down(depth - 1).join("a");
    let (paths, seen) = stepwise(&deep.root(), &mut |path| {
        if path == deepest {
            fs::rename(deep.root().join(down(moved)), deep.beside().join("inner")).expect("moved");
            fs::rename(deep.root().join("m"), deep.beside().join("outer")).expect("moved");
            symlink("../beside/outer", deep.root().join("m")).expect("linked");
        }
    });
    // What was between the two can be reached by no way that is known to be the right one.
    let lost: Vec<PathBuf> = (1..moved).rev().map(|at| down(at).join("z")).collect();
    let skipped: Vec<PathBuf> = seen.skipped.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(skipped, lost);
    let told: Vec<PathBuf> = all(depth)
        .into_iter()
        .filter(|path| !lost.contains(path))
        .collect();
    assert!(paths == told, "{} entries", paths.len());
}

#[test]
fn a_folder_that_became_a_link_before_its_turn_is_told_as_a_link() {
    let deep = Deep::new(2);
    let (paths, seen) = stepwise(&deep.root(), &mut |path| {
        if path == Path::new("a") {
            fs::rename(deep.root().join("m"), deep.beside()).expect("moved");
            symlink("../beside", deep.root().join("m")).expect("linked");
        }
    });
    assert_eq!(paths, ["a", "m", "z"].map(PathBuf::from));
    assert_eq!(seen.skipped, []);
}

#[test]
fn a_folder_that_vanishes_before_its_turn_is_told_and_the_rest_is_kept() {
    let deep = Deep::new(2);
    let (paths, seen) = stepwise(&deep.root(), &mut |path| {
        if path == Path::new("a") {
            fs::remove_dir_all(deep.root().join("m")).expect("removed");
        }
    });
    assert_eq!(paths, ["a", "z"].map(PathBuf::from));
    assert_eq!(seen.skipped.len(), 1);
    assert_eq!(seen.skipped[0].0, Path::new("m"));
    assert!(seen.skipped[0].1.contains("No such file"), "{:?}", seen.skipped);
}
