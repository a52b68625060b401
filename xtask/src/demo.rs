//! `cargo xtask demo [--data DIR]`: a throw-away instance to try things on.
//!
//! A small game server's folder with a history: two backups, and a mishap since. What to try next is told on the terminal. Nothing
//! lies outside of the one folder that is named at the end; deleting it ends the demo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Outcome};

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let place = match arguments {
        [] => fresh_place()?,
        [flag, dir] if flag == "--data" => PathBuf::from(dir),
        _ => return Err("usage: cargo xtask demo [--data DIR]".to_owned()),
    };
    fs::create_dir_all(&place).map_err(told("cannot make", &place))?;
    let place = place.canonicalize().map_err(told("cannot find", &place))?;
    let taken = fs::read_dir(&place)
        .map_err(told("cannot read", &place))?
        .next()
        .is_some();
    if taken {
        return Err(format!(
            "{} is not empty; name a new folder with --data",
            place.display()
        ));
    }
    let cairn = build(root)?;
    let world = place.join("world");
    make_world(&world)?;
    back_up(&cairn, &place, "the first evening")?;
    write(&world.join("level.dat"), "level two, with the castle")?;
    write(&world.join("region/r.0.1.mca"), &"castle ".repeat(20_000))?;
    back_up(&cairn, &place, "the castle stands")?;
    fs::remove_dir_all(world.join("region")).map_err(told("cannot remove", &world))?;
    write(&world.join("level.dat"), "griefed")?;
    tell(&cairn, &place);
    Ok(())
}

fn told(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{what} {path}: {error}")
}

/// A folder of its own for every demo.
fn fresh_place() -> Outcome<PathBuf> {
    let base = std::env::temp_dir();
    let free = (1..1000)
        .map(|number| base.join(format!("cairn-demo-{number}")))
        .find(|path| !path.exists());
    free.ok_or_else(|| "no free name for a folder".to_owned())
}

fn build(root: &Path) -> Outcome<PathBuf> {
    let arguments = [
        "build",
        "--profile",
        "bench-fast",
        "--locked",
        "--package",
        "cairn",
    ];
    run::run(Command::new("cargo").current_dir(root).args(arguments))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set));
    Ok(target.join("bench-fast/cairn"))
}

fn make_world(world: &Path) -> Outcome {
    fs::create_dir_all(world.join("region")).map_err(told("cannot make", world))?;
    fs::create_dir_all(world.join("players")).map_err(told("cannot make", world))?;
    write(&world.join("level.dat"), "level one")?;
    write(&world.join("server.properties"), "motd=A world to try Cairn on\n")?;
    write(&world.join("region/r.0.0.mca"), &"stone ".repeat(50_000))?;
    (1..=20).try_for_each(|number| {
        write(
            &world.join(format!("players/{number}.dat")),
            &format!("player {number}"),
        )
    })
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(told("cannot write", path))
}

fn back_up(cairn: &Path, place: &Path, name: &str) -> Outcome {
    let data = place.join("data");
    let mut command = Command::new(cairn);
    command
        .current_dir(place)
        .arg("--data")
        .arg(data)
        .args(["--quiet", "backup", "world", "--name", name]);
    run::run(&mut command)
}

fn tell(cairn: &Path, place: &Path) {
    let (cairn, place) = (cairn.display(), place.display());
    println!("\nA world with two backups, and a griefer since. To look around:\n");
    println!("  cd {place}\n  alias cairn='{cairn} --data {place}/data'\n");
    for (command, about) in [
        ("cairn list", "the backups"),
        ("cairn diff latest", "what the griefer did"),
        (
            "cairn restore latest --plan",
            "what a restore would do; nothing is changed",
        ),
        (
            "cairn restore latest",
            "shows the plan, takes a safety backup, restores, compares",
        ),
        ("cairn undo", "puts back what was there before"),
        (
            "cairn kit",
            "what to keep so that stock restic can restore all of this",
        ),
        ("cairn doctor", "is everything well?"),
    ] {
        println!("  {command:<30} {about}");
    }
    println!("\nTo end the demo: rm -r {place}");
}
