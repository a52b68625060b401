//! Installs tools from Debian, from Python's index, from npm's and from cargo's registry, each through its own client.
//!
//! Networks fail now and then: every download is tried a few times, with a growing pause.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Origin, TOOLS, Tool, cache};
use crate::run::{self, Outcome};

const ATTEMPTS: u64 = 4;
const PAUSE: Duration = Duration::from_secs(10);
/// A tool is run for seconds; optimising it would take minutes.
const BUILD_QUICKLY: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

/// Installs those of the wanted tools that are not there.
pub(crate) fn install(wanted: impl Fn(&Tool) -> bool) -> Outcome {
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .filter(|tool| wanted(tool) && !tool.is_there())
        .collect();
    let debian = missing.iter().flat_map(|tool| match tool.origin {
        Origin::Debian(packages) => packages,
        _ => &[],
    });
    from_debian(&debian.copied().collect::<Vec<_>>())?;
    let python = missing.iter().flat_map(|tool| match tool.origin {
        Origin::Python(packages) => packages,
        _ => &[],
    });
    from_python(&python.copied().collect::<Vec<_>>())?;
    let node = missing.iter().flat_map(|tool| match tool.origin {
        Origin::Node(packages) => packages,
        _ => &[],
    });
    from_node(&node.copied().collect::<Vec<_>>())?;
    for tool in &missing {
        if let Origin::Cargo { name, version } = tool.origin {
            from_cargo(name, version)?;
        }
    }
    match missing.iter().find(|tool| !tool.is_there()) {
        Some(tool) => Err(format!(
            "{} was installed but does not work; try `{}` by hand and see what it says",
            tool.name,
            tool.how_to_get()
        )),
        None => Ok(()),
    }
}

fn from_debian(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    if super::find("apt-get").is_none() {
        return Err(format!(
            "these programs are needed: {}; install them and try again",
            packages.join(", ")
        ));
    }
    eprintln!("xtask: installing {} from Debian", packages.join(", "));
    persistently(|| run::run(quiet(&mut apt_get()).arg("update")))?;
    persistently(|| {
        run::run(quiet(apt_get().args(["install", "--yes", "--no-install-recommends"])).args(packages))
    })
    .map_err(|error| format!("{error}; as root, try `apt-get install {}`", packages.join(" ")))
}

/// As root directly, otherwise through `sudo` when that asks for no password.
fn apt_get() -> Command {
    let mut command = if nix::unistd::geteuid().is_root() {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-o", "DPkg::Lock::Timeout=300", "-qq"]);
    command
}

fn from_python(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    eprintln!("xtask: installing {} from Python's index", packages.join(", "));
    let venv = cache().join("venv");
    if !venv.join("bin/pip").is_file() {
        make_venv(&venv)?;
    }
    let pip = venv.join("bin/pip");
    persistently(|| {
        run::run(
            quiet(Command::new(&pip).args(["install", "--quiet", "--disable-pip-version-check"]))
                .args(packages),
        )
    })
}

/// Into a folder with a list of its own, so that what was installed there before stays.
fn from_node(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    eprintln!("xtask: installing {} from npm's registry", packages.join(", "));
    let folder = cache().join("node");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    persistently(|| {
        run::run(
            quiet(Command::new("npm").args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]))
                .arg(&folder)
                .args(packages),
        )
    })
}

fn make_venv(venv: &Path) -> Outcome {
    let make = || run::run(quiet(Command::new("python3").args(["-m", "venv"])).arg(venv));
    if make().is_ok() {
        return Ok(());
    }
    from_debian(&["python3", "python3-venv"])?;
    make()
}

fn from_cargo(name: &str, version: &str) -> Outcome {
    eprintln!("xtask: building {name}, once");
    let build = cache().join("build");
    let install = || {
        let mut command = Command::new("cargo");
        command.args(["install", "--quiet", "--locked", "--version", version, name]);
        command
            .arg("--root")
            .arg(cache().join("cargo"))
            .env("CARGO_TARGET_DIR", &build)
            .envs(BUILD_QUICKLY);
        run::run(quiet(&mut command))
    };
    persistently(install)?;
    std::fs::remove_dir_all(&build).map_err(|error| format!("cannot remove {}: {error}", build.display()))
}

/// Installers talk on standard error, so that standard output stays the verb's.
fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()))
}

fn persistently(attempt: impl Fn() -> Outcome) -> Outcome {
    for number in 1..ATTEMPTS {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("xtask: {error}; trying again ({number} of {ATTEMPTS} attempts made)"),
        }
        std::thread::sleep(PAUSE * u32::try_from(number).unwrap_or(1));
    }
    attempt()
}
