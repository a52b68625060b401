//! Arguments of `cairn restore`, `undo`, `resume` and `approve`.

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
    /// Id of the backup (a prefix will do), its name, `latest`, or the name of a source (its latest); with --to DIR also the id of any snapshot
    pub(crate) backup: String,
    /// Only this part; repeatable
    #[arg(long = "part", value_name = "PART")]
    pub(crate) parts: Vec<String>,
    /// Only this file or folder inside the backup; repeatable
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Another source of the same kind, whatever its folder is called, or a folder to unpack into
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
    #[command(flatten)]
    pub(crate) going: Going,
    /// Carry out this plan, made by --plan, and no other
    #[arg(long, value_name = "HASH")]
    pub(crate) approved: Option<String>,
    /// Restore although no safety backup can be made, or although it lacks something; says why, and is audited
    #[arg(long, value_name = "REASON")]
    pub(crate) without_safety: Option<String>,
    /// Leave alone what cannot be read and therefore not be saved first, and restore the rest [default: refuse]
    #[arg(long, conflicts_with = "without_safety")]
    pub(crate) leave_unsaved: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Going {
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Where somebody has to approve it first: wait for the answer, and go on
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The restore's job [default: the last restore that changed something, whole or broken off]
    pub(crate) restore: Option<String>,
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) plan: bool,
    /// Leave alone what cannot be read and therefore not be saved first, and take back the rest [default: refuse]
    #[arg(long)]
    pub(crate) leave_unsaved: bool,
    #[command(flatten)]
    pub(crate) going: Going,
}

/// Without a request: lists those that are open.
#[derive(Debug, Args)]
#[command(after_help = "\
Who approves types the exact name of what would be changed: on a terminal he is asked for it, else it is --name.
Where somebody owns the source, who approves in his place gives a --reason. Once it is approved the restore begins,
and the command follows it to its end; where nobody serves, it carries it out itself.")]
pub(crate) struct Approve {
    /// Id of the request (a prefix will do) [default: list those that are open]
    pub(crate) request: Option<String>,
    #[command(flatten)]
    pub(crate) reply: Reply,
    /// Show what would be done, and do not answer
    #[arg(long, requires = "request", conflicts_with_all = ["name", "decline", "reason"])]
    pub(crate) show: bool,
    /// List those that are over, too
    #[arg(long, conflicts_with = "request")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reply {
    /// The exact name of what would be changed
    #[arg(long, requires = "request", conflicts_with = "decline")]
    pub(crate) name: Option<String>,
    /// Say no: the restore is over
    #[arg(long, requires = "request")]
    pub(crate) decline: bool,
    /// Why; who asked is told
    #[arg(long, requires = "request")]
    pub(crate) reason: Option<String>,
    /// Answer, and leave the restore to whoever serves
    #[arg(long, requires = "request", conflicts_with = "decline")]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The job [default: the newest restore that was broken off]
    pub(crate) job: Option<String>,
}
