//! The pieces of work that are compared, with the figures to reach.

use super::data::Set;
use super::programs::{Program, Step};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) data: Set,
    pub(crate) step: Step,
    /// Every round begins with an empty repository.
    pub(crate) afresh: bool,
    /// Some pages of the data change before each round.
    pub(crate) changes: bool,
}

const FIRST: Row = Row {
    name: "",
    what: "",
    goal: "",
    data: Set::Game,
    step: Step::Backup,
    afresh: true,
    changes: false,
};
const AGAIN: Row = Row {
    afresh: false,
    ..FIRST
};

pub(crate) const ROWS: [Row; 11] = [
    Row {
        name: "first-game",
        what: "first backup of a game server: 300 region files, 20,000 small files, 200 jars (3.3 GB)",
        goal: "≥ 3.5× restic, ≥ 3× rustic, ≥ 2× bupstash, ≥ 1.3× tar+zstd, ≥ 8× tar+pigz; ≤ 256 MiB",
        ..FIRST
    },
    Row {
        name: "first-random",
        what: "first backup of one incompressible file (2 GB)",
        goal: "≥ 3× restic, ≥ 2.2× rustic, ≥ 2× bupstash",
        data: Set::Random,
        ..FIRST
    },
    Row {
        name: "first-sql",
        what: "first backup of SQL text (2 GB)",
        goal: "≥ 2.5× restic and rustic, repository ≤ 1.04 × restic's",
        data: Set::Sql,
        ..FIRST
    },
    Row {
        name: "first-tiny",
        what: "first backup of 200,000 tiny files (206 MB)",
        goal: "≥ 3× restic, no slower than bupstash",
        data: Set::Tiny,
        ..FIRST
    },
    Row {
        name: "unchanged-20000",
        what: "backup when none of 20,000 files has changed",
        goal: "≤ 0.15 s, ≥ 8× restic",
        data: Set::Small,
        ..AGAIN
    },
    Row {
        name: "unchanged-200000",
        what: "backup when none of 200,000 files has changed",
        goal: "≤ 0.8 s, ≥ 6× restic",
        data: Set::Tiny,
        ..AGAIN
    },
    Row {
        name: "pages",
        what: "backup when 1 % of the region files' 4 KiB pages have changed",
        goal: "≥ 3× restic, ≤ ½ of its added bytes",
        changes: true,
        ..AGAIN
    },
    Row {
        name: "restore-game",
        what: "full restore of the game server",
        goal: "≥ 2× restic",
        step: Step::Restore,
        ..AGAIN
    },
    Row {
        name: "restore-tiny",
        what: "full restore of 200,000 tiny files",
        goal: "≥ 1.5× restic",
        data: Set::Tiny,
        step: Step::Restore,
        ..AGAIN
    },
    Row {
        name: "one-file",
        what: "one file out of 20,000",
        goal: "≤ 0.1 s",
        data: Set::Small,
        step: Step::OneFile,
        ..AGAIN
    },
    Row {
        name: "check",
        what: "check of the game server's repository with all data read",
        goal: "≥ 1.5× restic",
        step: Step::Check,
        ..AGAIN
    },
];

impl Row {
    /// A program without memory is not asked to back up what has not changed.
    pub(crate) fn can(&self, program: &Program) -> bool {
        let anew = self.afresh || self.step != Step::Backup || program.remembers;
        program.can(self.step) && anew
    }
}

pub(crate) fn names() -> String {
    ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}
