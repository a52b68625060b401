//! Arguments of `cairn restore`, `undo` and `resume`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ModeWord {
    /// The target ends as the backup, with the fewest changes
    #[default]
    Replace,
    /// Add and update, delete nothing
    Merge,
    /// Delete what was chosen, then create it anew
    Rebuild,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Id of the backup (a prefix will do), its name, `latest`, or the name of a source (its latest)
    pub(crate) backup: String,
    /// Only this part; repeatable
    #[arg(long = "part", value_name = "PART")]
    pub(crate) parts: Vec<String>,
    /// Only this file or folder inside the backup; repeatable
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Another source of the same kind, or a folder to unpack into
    #[arg(long, value_name = "SOURCE|DIR")]
    pub(crate) to: Option<String>,
    /// How to treat what is there [default: replace; merge into a folder that is not a source]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeWord>,
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) plan: bool,
    /// Compare contents, not only sizes and times
    #[arg(long)]
    pub(crate) deep: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Carry out this plan, made by --plan, and no other
    #[arg(long, value_name = "HASH")]
    pub(crate) approved: Option<String>,
    /// Restore although no safety backup can be made; says why, and is audited
    #[arg(long, value_name = "REASON")]
    pub(crate) without_safety: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The restore's job [default: the newest restore]
    pub(crate) restore: Option<String>,
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) plan: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The job [default: the newest interrupted restore]
    pub(crate) job: Option<String>,
}
