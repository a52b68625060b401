//! The pieces of work that are compared, with the figures to reach.
//!
//! A [`Goal`] compares our figures with a fixed one or with a peer's; a peer that is not installed leaves it open.

use super::data::Set;
use super::programs::{Program, Step};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// At least so many times faster than this program.
    Faster(&'static str, f64),
    /// No more seconds.
    Seconds(f64),
    /// The repository grows by at most so many times what this program's grows by.
    Growth(&'static str, f64),
}
use Goal::{Faster, Growth, Seconds};

/// No row may need more memory.
pub(crate) const PEAK_MIB: f64 = 256.0;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) goals: &'static [Goal],
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
    goals: &[],
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
        goals: &[
            Faster("restic", 3.5),
            Faster("rustic", 3.0),
            Faster("bupstash", 2.0),
            Faster("tar+zstd", 1.3),
            Faster("tar+pigz", 8.0),
        ],
        ..FIRST
    },
    Row {
        name: "first-random",
        what: "first backup of one incompressible file (2 GB)",
        goals: &[
            Faster("restic", 3.0),
            Faster("rustic", 2.2),
            Faster("bupstash", 2.0),
        ],
        data: Set::Random,
        ..FIRST
    },
    Row {
        name: "first-sql",
        what: "first backup of SQL text (2 GB)",
        goals: &[
            Faster("restic", 2.5),
            Faster("rustic", 2.5),
            Growth("restic", 1.04),
        ],
        data: Set::Sql,
        ..FIRST
    },
    Row {
        name: "first-tiny",
        what: "first backup of 200,000 tiny files (206 MB)",
        goals: &[Faster("restic", 3.0), Faster("bupstash", 1.0)],
        data: Set::Tiny,
        ..FIRST
    },
    Row {
        name: "unchanged-20000",
        what: "backup when none of 20,000 files has changed",
        goals: &[Seconds(0.15), Faster("restic", 8.0)],
        data: Set::Small,
        ..AGAIN
    },
    Row {
        name: "unchanged-200000",
        what: "backup when none of 200,000 files has changed",
        goals: &[Seconds(0.8), Faster("restic", 6.0)],
        data: Set::Tiny,
        ..AGAIN
    },
    Row {
        name: "pages",
        what: "backup when 1 % of the region files' 4 KiB pages have changed",
        goals: &[Faster("restic", 3.0), Growth("restic", 0.5)],
        changes: true,
        ..AGAIN
    },
    Row {
        name: "restore-game",
        what: "full restore of the game server",
        goals: &[Faster("restic", 2.0)],
        step: Step::Restore,
        ..AGAIN
    },
    Row {
        name: "restore-tiny",
        what: "full restore of 200,000 tiny files",
        goals: &[Faster("restic", 1.5)],
        data: Set::Tiny,
        step: Step::Restore,
        ..AGAIN
    },
    Row {
        name: "one-file",
        what: "one file out of 20,000",
        goals: &[Seconds(0.1)],
        data: Set::Small,
        step: Step::OneFile,
        ..AGAIN
    },
    Row {
        name: "check",
        what: "check of the game server's repository with all data read",
        goals: &[Faster("restic", 1.5)],
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
