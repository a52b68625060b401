//! Arguments of `cairn source`.

use clap::{Args, Subcommand};

use super::kinds::{AddSource, Given};

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

#[derive(Debug, Args)]
pub(crate) struct EditSource {
    /// Name or id of the source
    pub(crate) source: String,
    /// Give it a new name
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) given: Given,
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
