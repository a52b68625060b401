//! Arguments of the commands about schedules, policies and serving.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Back a source up by itself
    #[command(after_help = "\
Forms:
  every 24h                        counted from now
  hourly [at :15]
  daily [at 03:00]
  weekly [on monday] [at 03:00]
  monthly [on 31 | on last] [at 03:00]
  cron 0 3 * * 1-5
A time zone may stand at the end (Europe/Berlin); without one it is CAIRN_TIME_ZONE or the machine's.
Schedules run while `cairn serve` does; a run that was missed is made up once.")]
    Set(SetSchedule),
    /// No runs by itself any more
    Off(OneSource),
    /// When it last ran and the next five runs
    Show(OneSource),
}

#[derive(Debug, Args)]
pub(crate) struct SetSchedule {
    /// Name or id of the source
    pub(crate) source: String,
    /// When, in words: `daily at 03:00`
    #[arg(required = true, trailing_var_arg = true)]
    pub(crate) when: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OneSource {
    /// Name or id of the source
    pub(crate) source: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show the whole policy, as TOML that `set --file` takes
    Show(OneSource),
    /// Change keys of the policy
    #[command(after_help = "\
Keys, with examples:
  schedule='daily at 03:00'        catch_up=false               parts='[\"world\"]'
  retention.last=7                 retention.daily=7            retention.within=30d
  limit='{\"most\":3,\"when_full\":\"rotate\"}'   (or refuse, rotate-scheduled; per: source, person)
  safety=90d                       how long older safety backups stay; default for ever
  gates.typed=true                 gates.stopped=true           gates.entitlement=true
  gates.approval={}                somebody has to approve each restore; gates.approval.expires=48h (default 24h)
                                   gates.approval.own=false: owners do not approve what they asked for
  notify='[{\"on\":[\"failure\"],\"to\":{\"by\":\"email\",\"address\":\"me@example.org\"}}]'
     to: email (address), webhook (url, secret), ntfy (url, secret), healthcheck (url)
     on: success, warning, failure, overdue, anomaly; nothing named = all but success
  hooks='{\"before_backup\":[{\"do\":\"command\",\"command\":[\"/usr/bin/true\"]}]}'
KEY= puts a key back to its default. Secrets are named by place: env:NAME or file:/path.
What retention would delete is shown by `cairn policy simulate` before anything is.")]
    Set(SetPolicy),
    /// Change what a ready-made policy is about, and say what: discord-single, rotating:N, panel:N, nightly-7-days
    Preset(PresetPolicy),
    /// Show what retention would keep and delete, and why; nothing is deleted
    Simulate(SimulatePolicy),
    /// Send a test to everybody whom the policy names
    Test(OneSource),
}

#[derive(Debug, Args)]
pub(crate) struct SetPolicy {
    /// Name or id of the source
    pub(crate) source: String,
    /// KEY=VALUE; dots lead into a key
    #[arg(required_unless_present = "file")]
    pub(crate) changes: Vec<String>,
    /// TOML or JSON with the keys to be changed; - for stdin
    #[arg(long, conflicts_with = "changes", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PresetPolicy {
    /// Name or id of the source
    pub(crate) source: String,
    /// The preset
    pub(crate) preset: String,
}

#[derive(Debug, Args)]
pub(crate) struct SimulatePolicy {
    /// Name or id of the source
    pub(crate) source: String,
    /// KEY=VALUE: as if the policy were changed like this
    pub(crate) changes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleWord {
    /// Carries jobs out
    Worker,
    /// Answers over HTTP
    Web,
    /// Fires schedules; of several processes one at a time does
    Scheduler,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What this process does; default: everything
    #[arg(long, value_delimiter = ',', value_enum)]
    pub(crate) roles: Vec<RoleWord>,
    /// Where to listen for HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// Everything lies below this path: /cairn
    #[arg(long, value_name = "PATH", default_value = "")]
    pub(crate) base_path: String,
    /// How the world reaches this server, for links: https://backup.example.org/cairn [env: CAIRN_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Address of a proxy whose X-Forwarded-For is believed; repeatable
    #[arg(long = "trust-proxy", value_name = "ADDRESS")]
    pub(crate) trusted: Vec<std::net::IpAddr>,
    /// How long a request's head may take, and a connection may be idle; default: 20s
    #[arg(long, value_name = "LAPSE")]
    pub(crate) head_timeout: Option<model::Lapse>,
    /// How long a body may bring nothing worth waiting for (1 KiB); default: 90s
    #[arg(long, value_name = "LAPSE")]
    pub(crate) body_timeout: Option<model::Lapse>,
    /// How long a client may leave unread what it is sent; default: 5m
    #[arg(long, value_name = "LAPSE")]
    pub(crate) read_timeout: Option<model::Lapse>,
    /// Connections at once, a quarter of them from one address; default: half of the files that the process may open, at most 8192
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: Option<u16>,
    /// Requests a minute for each person, or each address of who is not known; 0: no limit; default: 720 [env: CAIRN_RATE_LIMIT]
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Do what is due and queued now, then end: for cron and timers. Exits with 1 when a job failed, 3 when one ended with a warning
    #[arg(long)]
    pub(crate) once: bool,
    /// Jobs at once; default: as many as cores [env: CAIRN_WORKERS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
}
