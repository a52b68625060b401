//! Arguments of `cairn repository`, and of what makes or recovers a repository.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
The address is remembered: later commands need not name it. A repository that is there already is taken as it is. Where the catalog
remembers another repository (it may be on a disk that is not mounted), nothing is made without --replace; what would be done is said.")]
pub(crate) struct Init {
    /// Where the repository lies: a folder, or s3:https://host/bucket/prefix [default: where it was, or in the data directory]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) repository: Option<String>,
    /// In place of another repository that the catalog remembers; its backups are marked missing
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Kit {
    #[command(subcommand)]
    pub(crate) command: Option<KitCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KitCommand {
    /// Check that the kit you kept opens the repository: type its password on stdin
    Check,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The address is remembered: later commands need not name it. A password that was typed or read from --password-file is kept in the data
directory, for its owner alone; one from the environment or the configuration is not.")]
pub(crate) struct Recover {
    /// The repository's address, as the kit says
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) repository: String,
    /// File that holds the repository's password; else CAIRN_REPOSITORY_PASSWORD, or it is read from stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Switch the schedules that are brought back on at once; else they are shown and stay off
    #[arg(long)]
    pub(crate) schedules: bool,
    /// In place of another repository that the catalog remembers; backups that are only there are marked missing
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RepositoryCommand {
    /// Check the repository's structure
    Check(RepositoryCheck),
    /// Free the space of deleted backups
    Prune(RepositoryPrune),
    /// Show sizes, counts and what deduplication saves
    Stats,
    /// Rebuild the index from the packs, set damaged packs aside, and name what is lost. Exit 3 when a backup lacks something
    Repair(RepositoryRepair),
    /// Copy all backups to another repository. What is damaged is left out and named: exit 3, or 1 when nothing could be copied
    Copy(RepositoryCopy),
}

#[derive(Debug, Args)]
pub(crate) struct RepositoryCheck {
    /// Read all data, too
    #[arg(long)]
    pub(crate) read_data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepositoryPrune {
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) plan: bool,
    /// Delete packs that became unused less than 24 hours ago, too. Only when nobody else writes
    #[arg(long)]
    pub(crate) no_grace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepositoryRepair {
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) plan: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepositoryCopy {
    /// The other repository's address; made when absent
    pub(crate) to: String,
    /// File that holds the other repository's password
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: PathBuf,
}
