//! Programs that the chores need and that are not part of Rust's toolchain.
//!
//! A [`Tool`] knows how it is recognised, where it comes from and what it is for. Cargo's, Python's and Node's tools go, once,
//! into a folder of the user's cache, outside the clone; Debian's packages go into the system when the user may do that.
//!
//! Invariants: what is there already is used and not replaced; nothing is installed unless a verb was asked to.

mod install;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Outcome};

pub(crate) use install::install;

pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) serves: &'static str,
    pub(crate) purpose: Purpose,
    sign: Sign,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Without it some tests are skipped.
    Tests,
    /// `.ci/run` needs it.
    Hygiene,
    /// A peer in the benches.
    Peer,
}

/// How one sees that a tool is there.
enum Sign {
    Program(&'static str, &'static [&'static str]),
    /// `initdb` and `postgres`, which Debian keeps outside of the search path.
    PostgresServer,
    PythonModule(&'static str),
    /// A package in the folder of Node's packages.
    NodePackage(&'static str),
}

enum Origin {
    Debian(&'static [&'static str]),
    Python(&'static [&'static str]),
    Node(&'static [&'static str]),
    Cargo {
        name: &'static str,
        version: &'static str,
    },
}

pub(crate) const TOOLS: [Tool; 18] = [
    Tool {
        name: "restic",
        serves: "tests that let stock restic read what Cairn writes, and Cairn what restic writes",
        purpose: Purpose::Tests,
        sign: Sign::Program("restic", &["version"]),
        origin: Origin::Debian(&["restic"]),
    },
    Tool {
        name: "PostgreSQL's server",
        serves: "tests of the catalog and of sources on a temporary PostgreSQL",
        purpose: Purpose::Tests,
        sign: Sign::PostgresServer,
        origin: Origin::Debian(&["postgresql", "postgresql-client"]),
    },
    Tool {
        name: "moto",
        serves: "tests of the storage on a simulated S3",
        purpose: Purpose::Tests,
        sign: Sign::PythonModule("moto.server"),
        origin: Origin::Python(&["moto[s3,server]==5.*"]),
    },
    Tool {
        name: "aiosmtpd",
        serves: "tests that send mail to a real SMTP server",
        purpose: Purpose::Tests,
        sign: Sign::PythonModule("aiosmtpd"),
        origin: Origin::Python(&["aiosmtpd==1.4.*"]),
    },
    Tool {
        name: "py-dactyl",
        serves: "tests of the panel's door by an existing client",
        purpose: Purpose::Tests,
        sign: Sign::PythonModule("pydactyl"),
        origin: Origin::Python(&["py-dactyl==2.1.*"]),
    },
    Tool {
        name: "openapi-spec-validator",
        serves: "checking the description of the HTTP API",
        purpose: Purpose::Tests,
        sign: Sign::PythonModule("openapi_spec_validator"),
        origin: Origin::Python(&["openapi-spec-validator==0.*"]),
    },
    Tool {
        name: "openapi-python-client",
        serves: "a Python client that is generated from the description of the HTTP API",
        purpose: Purpose::Tests,
        sign: Sign::PythonModule("openapi_python_client"),
        origin: Origin::Python(&["openapi-python-client==0.29.*"]),
    },
    Tool {
        name: "Node",
        serves: "a TypeScript client that is generated from the description of the HTTP API",
        purpose: Purpose::Tests,
        sign: Sign::Program("npm", &["--version"]),
        origin: Origin::Debian(&["nodejs", "npm"]),
    },
    Tool {
        name: "openapi-typescript",
        serves: "the types of that client",
        purpose: Purpose::Tests,
        sign: Sign::NodePackage("openapi-typescript"),
        origin: Origin::Node(&["openapi-typescript@7"]),
    },
    Tool {
        name: "openapi-fetch",
        serves: "the calls of that client",
        purpose: Purpose::Tests,
        sign: Sign::NodePackage("openapi-fetch"),
        origin: Origin::Node(&["openapi-fetch@0"]),
    },
    Tool {
        name: "typescript",
        serves: "compiling that client",
        purpose: Purpose::Tests,
        sign: Sign::NodePackage("typescript"),
        origin: Origin::Node(&["typescript@5", "@types/node@20"]),
    },
    Tool {
        name: "schemathesis",
        serves: "sending the HTTP API all that its description allows, and much that it does not",
        purpose: Purpose::Hygiene,
        sign: Sign::PythonModule("schemathesis"),
        origin: Origin::Python(&["schemathesis==4.*"]),
    },
    Tool {
        name: "cargo-nextest",
        serves: "running the tests side by side, each in a process of its own",
        purpose: Purpose::Hygiene,
        sign: Sign::Program("cargo-nextest", &["nextest", "--version"]),
        origin: Origin::Cargo {
            name: "cargo-nextest",
            version: "^0.9",
        },
    },
    Tool {
        name: "cargo-deny",
        serves: "checking the licences, doubles and origins of dependencies",
        purpose: Purpose::Hygiene,
        sign: Sign::Program("cargo-deny", &["--version"]),
        origin: Origin::Cargo {
            name: "cargo-deny",
            version: "^0.20",
        },
    },
    Tool {
        name: "cargo-machete",
        serves: "finding dependencies that nobody uses",
        purpose: Purpose::Hygiene,
        sign: Sign::Program("cargo-machete", &["--version"]),
        origin: Origin::Cargo {
            name: "cargo-machete",
            version: "^0.9",
        },
    },
    Tool {
        name: "typos",
        serves: "finding misspelt words",
        purpose: Purpose::Hygiene,
        sign: Sign::Program("typos", &["--version"]),
        origin: Origin::Python(&["typos==1.*"]),
    },
    Tool {
        name: "borg",
        serves: "a peer in the benches",
        purpose: Purpose::Peer,
        sign: Sign::Program("borg", &["--version"]),
        origin: Origin::Debian(&["borgbackup"]),
    },
    Tool {
        name: "pigz",
        serves: "a peer in the benches",
        purpose: Purpose::Peer,
        sign: Sign::Program("pigz", &["--version"]),
        origin: Origin::Debian(&["pigz"]),
    },
];

impl Tool {
    pub(crate) fn is_there(&self) -> bool {
        match &self.sign {
            Sign::Program(name, arguments) => find(name).is_some_and(|path| run::works(path, arguments)),
            Sign::PostgresServer => has_postgres_server(),
            Sign::PythonModule(module) => {
                python().is_some_and(|python| run::works(python, &["-c", &format!("import {module}")]))
            }
            Sign::NodePackage(name) => node_packages().join(name).is_dir(),
        }
    }

    /// The command with which a person would install it.
    pub(crate) fn how_to_get(&self) -> String {
        match &self.origin {
            Origin::Debian(packages) => format!("apt-get install {}", packages.join(" ")),
            Origin::Python(packages) => format!("pip install '{}'", packages.join("' '")),
            Origin::Node(packages) => {
                let folder = cache().join("node");
                format!("npm install --prefix {} {}", folder.display(), packages.join(" "))
            }
            Origin::Cargo { name, version } => format!("cargo install --locked {name}@{version}"),
        }
    }
}

/// `cargo xtask tools [--install]`: what is there, what is not, and for what.
pub(crate) fn run(_root: &Path, arguments: &[String]) -> Outcome {
    if arguments.iter().any(|argument| argument == "--install") {
        install(|tool| tool.purpose != Purpose::Peer)?;
    } else if arguments.iter().any(|argument| argument == "--peers") {
        install(|tool| tool.purpose == Purpose::Peer)?;
    }
    for tool in &TOOLS {
        let state = if tool.is_there() {
            "there".to_owned()
        } else {
            format!("missing: {}", tool.how_to_get())
        };
        println!("{:<22} {state} ({})", tool.name, tool.serves);
    }
    println!(
        "\nTools that were installed from here lie in {}",
        cache().display()
    );
    Ok(())
}

/// Where tools of the project are kept, outside every clone.
pub(crate) fn cache() -> PathBuf {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("cairn-tools")
}

fn bin_folders() -> [PathBuf; 2] {
    [cache().join("cargo/bin"), cache().join("venv/bin")]
}

/// The search path with the kept tools behind what the system has.
fn search_path() -> Vec<PathBuf> {
    let system = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&system).chain(bin_folders()).collect()
}

pub(crate) fn find(program: &str) -> Option<PathBuf> {
    search_path()
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The Python that has the modules, once it was made.
pub(crate) fn python() -> Option<PathBuf> {
    Some(cache().join("venv/bin/python")).filter(|path| path.is_file())
}

/// Where Node's packages lie, once some were installed.
fn node_packages() -> PathBuf {
    cache().join("node/node_modules")
}

fn has_postgres_server() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let folders = versions
        .map(|version| version.path().join("bin"))
        .chain(search_path());
    folders
        .into_iter()
        .any(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A command that finds the kept tools.
pub(crate) fn command(program: &str) -> Command {
    let mut command =
        Command::new(find(program).map_or_else(|| OsString::from(program), PathBuf::into_os_string));
    if let Ok(path) = std::env::join_paths(search_path()) {
        command.env("PATH", path);
    }
    if let Some(python) = python() {
        command.env("CAIRN_TEST_PYTHON", python);
    }
    let packages = node_packages();
    if packages.is_dir() {
        command.env("CAIRN_TEST_NODE_MODULES", packages);
    }
    command
}
