//! The programs that are compared, each as a script per step.
//!
//! In a script `{repository}`, `{data}`, `{target}`, `{file}` and `{ours}` stand for places. Passwords and addresses
//! that a program takes from its environment are set for all of them.

use std::path::{Path, PathBuf};

use crate::tools;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Init,
    Backup,
    Restore,
    OneFile,
    Check,
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The program that must be installed, with what makes it tell its version.
    pub(crate) executable: &'static str,
    pub(crate) version: &'static str,
    /// The folder inside the program's place that holds what was backed up; empty when it is the whole place.
    stored: &'static str,
    /// Remembers earlier backups; others do the same work each time.
    pub(crate) remembers: bool,
    /// Init, backup, restore, one file, check.
    scripts: [Option<&'static str>; 5],
    ours: Option<PathBuf>,
}

const OURS: [Program; 2] = [
    Program {
        name: "engine",
        executable: "",
        version: "",
        stored: "",
        remembers: true,
        scripts: [
            Some("{ours} init {repository}"),
            Some("{ours} backup {repository} {data}"),
            Some("{ours} restore {repository} latest {target}"),
            Some("{ours} cat {repository} latest {file}"),
            Some("{ours} check {repository} --read-data"),
        ],
        ours: None,
    },
    Program {
        name: "cairn",
        executable: "",
        version: "",
        stored: "repository",
        remembers: true,
        scripts: [
            Some("{ours} init"),
            Some("{ours} backup {data}"),
            Some("{ours} restore latest --to {target} --yes"),
            Some("{ours} cat latest {name}/{file}"),
            Some("{ours} repository check --read-data"),
        ],
        ours: None,
    },
];

const PEERS: [Program; 6] = [
    Program {
        name: "restic",
        executable: "restic",
        version: "restic version",
        stored: "",
        remembers: true,
        scripts: [
            Some("restic init"),
            Some("restic backup {data}"),
            Some("restic restore latest --target {target}"),
            Some("restic dump latest {data}/{file}"),
            Some("restic check --read-data"),
        ],
        ours: None,
    },
    Program {
        name: "rustic",
        executable: "rustic",
        version: "rustic --version",
        stored: "",
        remembers: true,
        scripts: [
            Some("rustic init"),
            Some("rustic backup {data}"),
            Some("rustic restore latest {target}"),
            Some("rustic dump latest:{data}/{file}"),
            Some("rustic check --read-data"),
        ],
        ours: None,
    },
    Program {
        name: "bupstash",
        executable: "bupstash",
        version: "bupstash --version",
        stored: "",
        remembers: true,
        scripts: [
            Some("bupstash init; bupstash new-key -o {repository}.key"),
            Some("bupstash put -k {repository}.key name=all {data}"),
            Some("mkdir -p {target}; bupstash restore -k {repository}.key --into {target} name=all"),
            Some("bupstash get -k {repository}.key --pick {file} name=all"),
            None,
        ],
        ours: None,
    },
    Program {
        name: "borg",
        executable: "borg",
        version: "borg --version",
        stored: "",
        remembers: true,
        scripts: [
            Some("borg init -e repokey-blake2"),
            Some("borg create -C zstd,3 ::all-$$-$(date +%s%N) {data}"),
            Some("mkdir -p {target}; cd {target}; borg extract ::$(borg list --last 1 --short)"),
            Some("borg extract --stdout ::$(borg list --last 1 --short) $(echo {data}/{file} | cut -c2-)"),
            Some("borg check --verify-data"),
        ],
        ours: None,
    },
    Program {
        name: "tar+zstd",
        executable: "zstd",
        version: "zstd --version",
        stored: "",
        remembers: false,
        scripts: [
            Some("mkdir -p {repository}"),
            Some("tar -I 'zstd -3 -T2' -cf {repository}/all.tar.zst -C {data} ."),
            Some("mkdir -p {target}; tar -I zstd -xf {repository}/all.tar.zst -C {target}"),
            Some("tar -I zstd -xOf {repository}/all.tar.zst ./{file}"),
            None,
        ],
        ours: None,
    },
    Program {
        name: "tar+pigz",
        executable: "pigz",
        version: "pigz --version",
        stored: "",
        remembers: false,
        scripts: [
            Some("mkdir -p {repository}"),
            Some("tar -I pigz -cf {repository}/all.tar.gz -C {data} ."),
            Some("mkdir -p {target}; tar -I pigz -xf {repository}/all.tar.gz -C {target}"),
            Some("tar -I pigz -xOf {repository}/all.tar.gz ./{file}"),
            None,
        ],
        ours: None,
    },
];

/// Where one program works.
pub(crate) struct Place {
    pub(crate) repository: PathBuf,
    /// The part of it that holds what was backed up.
    pub(crate) stored: PathBuf,
    pub(crate) cache: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) scratch: PathBuf,
    data: PathBuf,
}

impl Place {
    pub(crate) fn new(folder: &Path, program: &Program, data: &Path) -> Self {
        Place {
            repository: folder.join("repositories").join(program.name),
            stored: folder
                .join("repositories")
                .join(program.name)
                .join(program.stored),
            cache: folder.join("caches").join(program.name),
            target: folder.join("restored"),
            scratch: folder.join("scratch"),
            data: data.to_path_buf(),
        }
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let repository = self.repository.display().to_string();
        let cache = self.cache.display().to_string();
        let mut set = vec![("XDG_CACHE_HOME", cache), ("CAIRN_DATA", repository.clone())];
        for name in [
            "RESTIC_REPOSITORY",
            "RUSTIC_REPOSITORY",
            "BORG_REPO",
            "BUPSTASH_REPOSITORY",
        ] {
            set.push((name, repository.clone()));
        }
        for name in [
            "CAIRN_REPOSITORY_PASSWORD",
            "RESTIC_PASSWORD",
            "RUSTIC_PASSWORD",
            "BORG_PASSPHRASE",
        ] {
            set.push((name, "a password for benches".to_owned()));
        }
        let path = std::env::var("PATH").unwrap_or_default();
        set.push((
            "PATH",
            format!("{path}:{}", tools::cache().join("venv/bin").display()),
        ));
        set
    }
}

impl Program {
    pub(crate) fn script(&self, step: Step, place: &Place) -> Option<String> {
        let text = |path: &Path| path.display().to_string();
        let ours = self.ours.as_deref().map(text).unwrap_or_default();
        let name = place
            .data
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let script = self.scripts[step as usize]?
            .replace("{ours}", &ours)
            .replace("{repository}", &text(&place.repository))
            .replace("{data}", &text(&place.data))
            .replace("{target}", &text(&place.target))
            .replace("{name}", &name)
            .replace("{file}", super::data::ONE_FILE);
        Some(script)
    }

    pub(crate) fn can(&self, step: Step) -> bool {
        self.scripts[step as usize].is_some()
    }
}

/// Ours first, then those of the wanted peers that are installed.
pub(crate) fn present(ours: &str, binary: &Path, with: &[String]) -> Vec<Program> {
    let own = OURS.into_iter().filter(|program| program.name == ours);
    let own = own.map(|program| Program {
        ours: Some(binary.to_path_buf()),
        ..program
    });
    let wanted = |program: &Program| with.is_empty() || with.iter().any(|name| name == program.name);
    let peers = PEERS
        .into_iter()
        .filter(|program| wanted(program) && tools::find(program.executable).is_some());
    own.chain(peers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_real_places() {
        let programs = present("engine", Path::new("bin/engine"), &["none".to_owned()]);
        let place = Place::new(Path::new("bench"), &programs[0], Path::new("bench/game"));
        let script = programs[0].script(Step::Backup, &place);
        assert_eq!(
            script.as_deref(),
            Some("bin/engine backup bench/repositories/engine bench/game")
        );
        assert!(
            OURS.iter()
                .chain(&PEERS)
                .all(|program| program.can(Step::Init) && program.can(Step::Backup))
        );
    }
}
