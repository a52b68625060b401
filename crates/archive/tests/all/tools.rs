//! Other people's programs read what an export writes, and an import reads what they write.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use archive::{Format, Limits};

use crate::sample::{Desk, packed, plain, rich};

/// Runs a program; `None` when it is not installed.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = match Command::new(program).args(arguments).current_dir(folder).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(
                std::env::var("CAIRN_TEST_STRICT").as_deref() != Ok("1"),
                "{program} is missing"
            );
            println!("SKIPPED: {program} is not installed; get it with `apt-get install {program}`");
            return None;
        }
        other => other.expect("the program runs"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    assert!(
        errors.trim().is_empty(),
        "{program} {arguments:?} complains: {errors}"
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn assert_extracted(folder: &Path) {
    for (path, (meta, bytes)) in plain().0 {
        let real = folder.join(&path);
        let found = fs::symlink_metadata(&real).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(found.is_dir(), meta.is_dir());
        if meta.is_file() {
            assert_eq!(fs::read(&real).expect("it can be read"), bytes);
        }
    }
    let level = fs::metadata(folder.join("world/level.dat")).expect("it is there");
    let seconds = level
        .modified()
        .expect("a time")
        .duration_since(std::time::UNIX_EPOCH);
    assert_eq!(seconds.expect("after 1970").as_secs(), 1_700_000_000);
}

#[test]
fn tar_extracts_what_is_exported() {
    for (format, flag) in [(Format::TarGz, "-z"), (Format::TarZst, "--zstd")] {
        let desk = Desk::new();
        desk.lay(&packed(&rich(), format, None).0);
        let out = desk.path("out");
        fs::create_dir(&out).expect("a folder");
        // It grumbles about times before 1970, and about being told that a name is no text.
        let quiet = ["--warning=no-unknown-keyword", "--warning=no-timestamp"];
        let arguments = ["-x", flag, "-p", quiet[0], quiet[1], "-f", "../archive.txt"];
        if run("tar", &arguments, &out).is_none() {
            return;
        }
        assert_extracted(&out);
        assert_eq!(
            fs::read(out.join("odd/two")).expect("the link is there"),
            b"the same file"
        );
        let old = fs::metadata(out.join("odd/old")).expect("it is there");
        assert_eq!((old.mtime(), old.mtime_nsec()), (-86_400, 5));
        let names = run(
            "tar",
            &["-t", flag, quiet[0], "-f", "archive.txt"],
            &desk.path(""),
        )
        .expect("it ran");
        assert!(names.starts_with("manifest.json\n"), "{names}");
    }
}

#[test]
fn unzip_extracts_what_is_exported() {
    let desk = Desk::new();
    desk.lay(&packed(&plain(), Format::Zip, None).0);
    let out = desk.path("out");
    if run("unzip", &["-q", "archive.txt", "-d", "out"], &desk.path("")).is_none() {
        return;
    }
    assert_extracted(&out);
    assert_eq!(
        fs::read_link(out.join("world/link")).expect("a link").to_str(),
        Some("level.dat")
    );
}

#[test]
fn python_reads_what_is_exported() {
    let desk = Desk::new();
    desk.lay(&packed(&plain(), Format::Zip, None).0);
    if run("python3", &["-m", "zipfile", "-t", "archive.txt"], &desk.path("")).is_none() {
        return;
    }
    run(
        "python3",
        &["-m", "zipfile", "-e", "archive.txt", "out"],
        &desk.path(""),
    );
    let level = fs::read(desk.path("out/world/level.dat")).expect("it is there");
    assert_eq!(level, vec![7; 300_000]);
    desk.lay(&packed(&rich(), Format::TarGz, None).0);
    let names = run("python3", &["-m", "tarfile", "-l", "archive.txt"], &desk.path("")).expect("it ran");
    assert!(names.contains("odd/two"), "{names}");
}

#[test]
fn what_the_programs_write_is_imported() {
    let desk = Desk::new();
    let from = desk.path("from");
    fs::create_dir_all(from.join("world/region")).expect("folders");
    fs::write(from.join("world/level.dat"), [7; 3_000]).expect("a file");
    fs::hard_link(from.join("world/level.dat"), from.join("world/twin")).expect("a link");
    fs::write(from.join(format!("world/{}", "long".repeat(40))), b"long").expect("a file");
    std::os::unix::fs::symlink("../level.dat", from.join("world/region/link")).expect("a link");
    let archives: [(&str, &[&str]); 6] = [
        ("tar", &["-cf", "../made", "."]),
        ("tar", &["-czf", "../made", "--format=gnu", "world"]),
        ("tar", &["--zstd", "-cf", "../made", "--format=posix", "."]),
        ("zip", &["-q", "-r", "-y", "../made.zip", "."]),
        ("python3", &["-m", "tarfile", "-c", "../made", "world"]),
        ("python3", &["-m", "zipfile", "-c", "../made", "world"]),
    ];
    for (program, arguments) in archives {
        for old in ["made", "made.zip"] {
            let _ = fs::remove_file(desk.path(old));
        }
        if run(program, arguments, &from).is_none() {
            continue;
        }
        let made = if program == "zip" { "made.zip" } else { "made" };
        let bytes = fs::read(desk.path(made)).expect("it was made");
        let unpacked = desk.import(&bytes, Limits::default(), None);
        let unpacked = unpacked.unwrap_or_else(|problem| panic!("{program} {arguments:?}: {problem}"));
        let twin = fs::read(unpacked.dir().join("world/twin")).expect("it is there");
        assert_eq!(twin, [7; 3_000], "{program}");
    }
}
