//! Folders with everything a file system holds, filled and drifted always the same way.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, Timespec, Timestamps};
use sources::Source;
use sources::folder::{Folder, FolderSettings};
use tempfile::TempDir;
use testkit::conformance::{Look, Worlds};

pub(crate) struct FolderWorlds;

/// Two folders beside each other.
pub(crate) struct Two(TempDir);

impl Two {
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }
}

/// Where a file system in memory is at hand, nothing waits for a disk.
pub(crate) fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) const PARTS: [&str; 2] = ["world", "plugins"];

/// Seconds after the first that every entry has.
fn set_time(path: &Path, seconds: i64) {
    let time = Timespec {
        tv_sec: 1_700_000_000 + seconds,
        tv_nsec: 123_456_789,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Every entry below, and the folder itself, gets one time.
fn settle(dir: &Path, seconds: i64) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            settle(&path, seconds);
        } else {
            set_time(&path, seconds);
        }
    }
    set_time(dir, seconds);
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fill(root: &Path) {
    fs::create_dir_all(root.join("region/deep")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    write(&root.join("level.dat"), "one");
    write(&root.join("region/a"), "aaa");
    write(&root.join("region/b"), "");
    write(&root.join("region/deep/c"), "ccc");
    write(&root.join("to be a folder"), "f");
    fs::create_dir(root.join("to be a file")).unwrap();
    write(&root.join("to be a file/x"), "x");
    write(&root.join("odd\nnäme \\"), "odd");
    write(&root.join("same size"), "before");
    write(&root.join("first name"), "shared");
    fs::hard_link(root.join("first name"), root.join("region/second name")).unwrap();
    symlink("level.dat", root.join("link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    rustix::fs::mknodat(
        CWD,
        root.join("fifo"),
        FileType::Fifo,
        Mode::from_raw_mode(0o640),
        0,
    )
    .unwrap();
    set_mode(&root.join("level.dat"), 0o600);
    set_mode(&root.join("region/deep"), 0o500);
    // Some file systems have no attributes; then there are none to lose.
    let _ = xattr::set(root.join("level.dat"), "user.cairn", b"kept");
    settle(root, 0);
}

fn drift(root: &Path) {
    write(&root.join("level.dat"), "another one");
    set_mode(&root.join("region/a"), 0o400);
    set_mode(&root.join("region/deep"), 0o700);
    fs::remove_file(root.join("region/deep/c")).unwrap();
    fs::remove_dir(root.join("region/deep")).unwrap();
    fs::remove_file(root.join("to be a folder")).unwrap();
    fs::create_dir(root.join("to be a folder")).unwrap();
    write(&root.join("to be a folder/y"), "y");
    fs::remove_dir_all(root.join("to be a file")).unwrap();
    write(&root.join("to be a file"), "z");
    fs::create_dir_all(root.join("new/below")).unwrap();
    write(&root.join("new/below/n"), "n");
    write(&root.join("new file"), "n");
    fs::remove_file(root.join("link")).unwrap();
    symlink("region/a", root.join("link")).unwrap();
    fs::remove_file(root.join("region/second name")).unwrap();
    settle(root, 60);
    // Nothing but its bytes tells that this one changed.
    write(&root.join("same size"), "behind");
    set_time(&root.join("same size"), 0);
    set_time(&root.join("odd\nnäme \\"), 0);
}

fn describe(path: &Path, names: &mut Vec<(u64, String)>, name: &str) -> String {
    let meta = path.symlink_metadata().unwrap();
    let kind = meta.file_type();
    let content = if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).unwrap().display())
    } else if kind.is_dir() {
        "folder".to_owned()
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else {
        format!("file {:?}", fs::read_to_string(path).unwrap())
    };
    // Names of one file are told by the first of them.
    let first = names
        .iter()
        .find(|(inode, _)| *inode == meta.ino())
        .map(|(_, first)| first.clone());
    names.push((meta.ino(), name.to_owned()));
    let attribute = if kind.is_symlink() {
        None
    } else {
        xattr::get(path, "user.cairn").ok().flatten()
    };
    format!(
        "{content} {:o} {}:{} {}.{} {attribute:?} {first:?}",
        meta.mode() & 0o7777,
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
    )
}

fn look_below(dir: &Path, name: &str, look: &mut Look, names: &mut Vec<(u64, String)>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        let told = describe(&path, names, &name);
        look.insert(name.clone(), told);
        if path.symlink_metadata().unwrap().is_dir() {
            look_below(&path, &name, look, names);
        }
    }
}

/// One folder, under a name.
pub(crate) fn look_at(root: &Path, name: &str) -> Look {
    let (mut look, mut names) = (Look::new(), Vec::new());
    look.insert(format!("{name}/"), describe(root, &mut names, ""));
    look_below(root, name, &mut look, &mut names);
    look
}

impl Worlds for FolderWorlds {
    type World = Two;

    fn populated(&self) -> Two {
        let two = self.empty();
        for part in PARTS {
            fill(&two.at(part));
        }
        two
    }

    fn empty(&self) -> Two {
        let two = Two(in_memory());
        for part in PARTS {
            fs::create_dir(two.at(part)).unwrap();
            settle(&two.at(part), 30);
        }
        two
    }

    fn drift(&self, world: &Two) {
        for part in PARTS {
            drift(&world.at(part));
        }
    }

    /// A link in the place of a folder is never followed.
    fn spoil(&self, world: &Two, part: &str) {
        fs::rename(world.at(part), world.at("elsewhere")).unwrap();
        symlink("elsewhere", world.at(part)).unwrap();
    }

    fn source(&self, world: &Two) -> Box<dyn Source> {
        let settings = FolderSettings {
            paths: PARTS.map(|part| world.at(part)).to_vec(),
            ..FolderSettings::default()
        };
        Box::new(Folder::new(settings, &[]).unwrap())
    }

    /// A folder with something in it, where a file was.
    fn kept_by_merge(&self) -> Vec<String> {
        PARTS.map(|part| format!("{part}/to be a folder")).to_vec()
    }

    fn look(&self, world: &Two) -> Look {
        let mut look = Look::new();
        for part in PARTS {
            look.extend(look_at(&world.at(part), part));
        }
        let beside = fs::read_dir(world.0.path()).unwrap();
        let beside = beside.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        for name in beside.filter(|name| !PARTS.contains(&name.as_str())) {
            look.insert(name, "beside".to_owned());
        }
        look
    }
}
