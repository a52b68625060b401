//! Arguments of `cairn source`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Protect something new
    #[command(subcommand)]
    Add(AddSource),
    /// List the sources
    List,
    /// Show a source: settings, parts, policy, what is in the way
    Show(OneSource),
    /// Change a source's settings
    Edit(EditSource),
    /// Check that a source can be backed up, and say what is in the way
    Check(OneSource),
    /// Forget a source; its backups stay
    Remove(RemoveSource),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddSource {
    /// A folder, or several
    Folder(AddFolder),
}

#[derive(Debug, Args)]
pub(crate) struct AddFolder {
    /// Its name
    pub(crate) name: String,
    /// The folder; several folders become several parts
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: FolderSettings,
}

/// Settings that `source add folder` and `source edit` share.
#[derive(Debug, Default, Args)]
pub(crate) struct FolderSettings {
    /// Leave out what matches this pattern (.gitignore syntax); repeatable
    #[arg(long, value_name = "PATTERN")]
    pub(crate) ignore: Vec<String>,
    /// Stay on the file system of the folder
    #[arg(long)]
    pub(crate) one_file_system: bool,
    /// How to tell whether the server in the folder is running: unit:NAME, container:NAME, pid:FILE, port:HOST:PORT,
    /// command:PROGRAM, or a JSON object (for a panel and for stop and start hooks). It is not restored while it runs
    #[arg(long, value_name = "PROBE")]
    pub(crate) guard: Option<String>,
    /// Stop the server for a restore, and start it again after
    #[arg(long, requires = "guard")]
    pub(crate) stop: bool,
    /// Any other setting of the kind, as KEY=JSON
    #[arg(long = "set", value_name = "KEY=JSON")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EditSource {
    /// Name or id of the source
    pub(crate) source: String,
    /// Give it a new name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Replace its folders
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: FolderSettings,
}

#[derive(Debug, Args)]
pub(crate) struct OneSource {
    /// Name or id of the source
    pub(crate) source: String,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveSource {
    /// Name or id of the source
    pub(crate) source: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
