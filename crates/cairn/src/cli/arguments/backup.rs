//! Arguments of the commands that make, show and care for backups.

use std::path::PathBuf;

use clap::Args;

use super::kinds::Given;

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Name or id of a source, or the path of a folder
    pub(crate) source: String,
    /// Only this part; repeatable
    #[arg(long = "part", value_name = "PART")]
    pub(crate) parts: Vec<String>,
    /// Name of the backup
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) given: Given,
    /// Lock it, so that nothing deletes it
    #[arg(long)]
    pub(crate) lock: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only backups of this source
    pub(crate) source: Option<String>,
    /// The snapshots that other programs (restic, rustic) made in this repository
    #[arg(long, conflicts_with = "source")]
    pub(crate) foreign: bool,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct OneBackup {
    /// Id of the backup (a prefix will do), its name, or `latest`
    pub(crate) backup: String,
}

/// The backup shares every byte with the snapshot, which stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// Id of the snapshot (a prefix will do): cairn list --foreign
    pub(crate) snapshot: String,
    /// The source whose backup it becomes, made when there is none [default: named after the folder that was backed up]
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The folder inside the snapshot; repeatable [default: what was backed up]
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Name of the backup
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Id of the backup (a prefix will do), its name, or `latest`; or the id of any snapshot of the repository
    pub(crate) backup: String,
    /// Folder inside the backup
    pub(crate) path: Option<PathBuf>,
    /// Everything below it, too
    #[arg(long, short)]
    pub(crate) recursive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// Id of the backup (a prefix will do), its name, or `latest`; or the id of any snapshot of the repository
    pub(crate) backup: String,
    /// File inside the backup
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Find {
    /// Part of a path; letter case does not count. With * or ? it is a pattern for the whole name
    pub(crate) text: String,
    /// Only in backups of this source
    #[arg(long)]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The older backup
    pub(crate) a: String,
    /// The newer backup, or `live`
    #[arg(default_value = "live")]
    pub(crate) b: String,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Id of the backup (a prefix will do), its name, or `latest`
    #[arg(required_unless_present = "all")]
    pub(crate) backup: Option<String>,
    /// All backups, and the whole repository
    #[arg(long, conflicts_with = "backup")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Id of the backup (a prefix will do), its name, or `latest`
    pub(crate) backup: String,
    /// The new name
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Ids of backups
    #[arg(required = true)]
    pub(crate) backups: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// Name or id of the source
    pub(crate) source: String,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// File with the passphrase of an encrypted zip [env: CAIRN_PASSPHRASE]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Id of the backup (a prefix will do), its name, or `latest`
    pub(crate) backup: String,
    /// zip, tar.gz or tar.zst [default: what the file's name says; else tar.zst]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Where to: a file whose name ends in .tar.zst, .tar.gz, .tgz or .zip, or - for stdout; default: a file named after source and time
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// A zip, tar, tar.gz or tar.zst
    pub(crate) file: PathBuf,
    /// Name or id of the source whose backup it becomes
    #[arg(long)]
    pub(crate) source: String,
    /// Name of the backup
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The archive is one's own: keep owners, set-uid bits and links that point outside it
    #[arg(long)]
    pub(crate) trusted: bool,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
}
