//! The words of the command line: raw arguments, nothing decided.
//!
//! Help texts, man pages, completions and `docs/cli.md` are all made from this one definition.
//! Every command is here only when it works.

mod backup;
mod kinds;
mod people;
mod policy;
mod repository;
mod restore;
mod source;
mod work;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use backup::{
    Adopt, Backup, Cat, Delete, Diff, Export, Find, Import, List, Ls, OneBackup, Passphrase, Purge, Rename,
    Verify,
};
pub(crate) use kinds::{Given, command};
pub(crate) use people::{
    AddPerson, CreateToken, EditPerson, Grant, PersonCommand, PlanWords, SignOut, TokenCommand,
};
pub(crate) use policy::{PolicyCommand, RoleWord, ScheduleCommand, Serve};
pub(crate) use repository::{Init, Kit, KitCommand, Recover, RepositoryCommand, RepositoryCopy};
pub(crate) use restore::{Approve, Going, ModeWord, Restore, Resume, Undo};
pub(crate) use source::{EditSource, SourceCommand};
pub(crate) use work::{Audit, Completions, Demo, Job, Jobs, Logs, Man, Status};

const EXIT_CODES: &str = "\
Exit codes:
  0 done · 1 failed · 2 wrong usage · 3 done with skipped items · 10 repository missing · 11 locked
  12 wrong password · 20 refused by policy or permission · 21 waiting for approval
  22 target drifted from the plan · 130 interrupted

Ids may be shortened to a unique prefix. Data goes to stdout, talk to stderr.
With --json the last line of stdout is one JSON value, and errors are JSON on stderr.";

/// Backs up what communities run, and proves that it can be restored.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, after_help = EXIT_CODES, max_term_width = 110, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Data directory: catalog, keys, and the repository `main` [env: CAIRN_DATA]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file [env: CAIRN_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Machine-readable output: one JSON value on the last line of stdout
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// No progress and no talk; errors only
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more (twice: much more)
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the data directory and the repository, before the first backup
    Init(Init),
    /// Show the recovery kit: what to keep so that everything can be restored without Cairn
    Kit(Kit),
    /// Rebuild sources and backups from a repository alone
    Recover(Recover),
    /// The things that are protected
    #[command(subcommand)]
    Source(SourceCommand),
    /// Back up a source, or a folder that is not a source yet
    Backup(Backup),
    /// List backups, newest first
    List(List),
    /// Show one backup: parts, sizes, when it was verified, why it is kept
    Show(OneBackup),
    /// List what lies in a backup
    Ls(Ls),
    /// Write a file of a backup to stdout
    Cat(Cat),
    /// Find files by name across backups
    Find(Find),
    /// Compare two backups, or a backup with the living thing (`live`)
    Diff(Diff),
    /// Restore a backup: plan, safety backup, apply, verify
    Restore(Restore),
    /// Put back what was there before the last restore that changed something
    Undo(Undo),
    /// Go on with a restore that was broken off, if nothing was changed since
    Resume(Resume),
    /// Answer a request for a restore, or list those that are open
    Approve(Approve),
    /// Write a backup as one portable file
    Export(Export),
    /// Make a backup of an archive
    Import(Import),
    /// Make a backup of a snapshot that another program (restic, rustic) made
    Adopt(Adopt),
    /// Read backups back and compare checksums
    Verify(Verify),
    /// Say that an incomplete or suspiciously small backup is as it should be
    ///
    /// A backup that lacks something which could not be read, or that is far smaller than the last good one, lets no older backup go: neither by
    /// retention nor by a limit. Once it is accepted it counts like every other.
    Accept(OneBackup),
    /// Protect a backup from deletion
    Lock(OneBackup),
    /// Allow a locked backup to be deleted again
    Unlock(OneBackup),
    /// Give a backup a new name
    Rename(Rename),
    /// Delete backups
    Delete(Delete),
    /// Delete all unlocked backups of a source
    Purge(Purge),
    /// List jobs, newest first
    Jobs(Jobs),
    /// Show a job, or what Cairn is doing
    Status(Status),
    /// Stop a job; a restore that was broken off can then never go on
    Cancel(Job),
    /// Show what a job did and met
    Logs(Logs),
    /// When a source is backed up by itself
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// What is kept, what must hold, who is told
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Carry jobs out and run schedules, until it is told to leave
    Serve(Serve),
    /// A throw-away instance with a sample game server, to try things on
    Demo(Demo),
    /// Care for the repository
    #[command(subcommand)]
    Repository(RepositoryCommand),
    /// Who may come in, and what he may do
    #[command(subcommand)]
    Person(PersonCommand),
    /// What programs come in with
    #[command(subcommand)]
    Token(TokenCommand),
    /// Show who did what
    Audit(Audit),
    /// Check configuration, data directory, catalog, repository and sources
    Doctor,
    /// Print shell completions
    Completions(Completions),
    /// Print or write the manual pages
    Man(Man),
    /// Print the reference of all commands as Markdown
    #[command(hide = true)]
    Reference {
        /// The description of the HTTP API instead, as OpenAPI
        #[arg(long)]
        api: bool,
    },
}
