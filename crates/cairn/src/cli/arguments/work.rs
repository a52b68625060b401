//! Arguments of the commands about jobs, the audit log, the server and the shell.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// At most this many
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Id of the job (a prefix will do)
    pub(crate) job: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Job {
    /// Id of the job (a prefix will do)
    pub(crate) job: String,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// At most this many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    /// Check that nothing was removed or changed
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It makes the folder of a small game server, backs it up while it changes, spoils it, and serves until Ctrl-C. It prints address, log-in
and commands to try. Without --data everything lies in a temporary folder, which is removed at the end; with it in that folder, which
must be empty or an earlier demo's, and stays. Your own instance is not touched.")]
pub(crate) struct Demo {
    /// Where to listen for HTTP; default: 127.0.0.1:8080, or a free port when that one is taken
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write one page per command into this folder, instead of the main page to stdout
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Id of the job (a prefix will do)
    pub(crate) job: String,
    /// Go on until the job is over
    #[arg(long, short)]
    pub(crate) follow: bool,
}
