//! The door of the command line: parse, call the service, render.
//!
//! `arguments` has the words; each other file carries out some commands. Commands that need no instance (completions, manual) open none.

mod approvals;
mod archives;
pub(crate) mod arguments;
mod backups;
mod care;
mod demo;
mod doctor;
mod foreign;
mod given;
mod jobs;
pub(crate) mod output;
mod people;
mod policies;
mod restores;
mod serve;
mod shell;
pub(crate) mod signals;
mod sources;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use arguments::{Arguments, Command, Global};
use model::{Problem, Result};
use service::{Kinds, Options, Service};
use tracing_subscriber::EnvFilter;

use crate::cli::output::Output;
use crate::configuration::{Configuration, Flags, environment, mail_server, secret_key, unknown_variables};

/// Longer nobody waits for a mail server at the end of a command.
const DELIVERY: Duration = Duration::from_secs(10);

const FAREWELL: Duration = Duration::from_secs(1);

/// Runs one command; the exit code.
pub(crate) fn run(arguments: Arguments, kinds: Kinds, output: Output) -> Result<u8> {
    match &arguments.command {
        Command::Completions(words) => return shell::completions(&kinds, words).map(|()| 0),
        Command::Man(words) => return shell::man(&kinds, words).map(|()| 0),
        Command::Reference { api } => return shell::reference(&kinds, *api).map(|()| 0),
        _ => {}
    }
    let repository = match &arguments.command {
        Command::Init(words) => words.repository.clone(),
        Command::Recover(words) => Some(words.repository.clone()),
        _ => None,
    };
    let global = &arguments.global;
    let flags = Flags {
        config: global.config.clone(),
        data: global.data.clone(),
        repository,
    };
    let environment = match &arguments.command {
        Command::Demo(_) => demo::only_harmless(environment()),
        _ => environment(),
    };
    let configuration = Configuration {
        kinds,
        ..Configuration::load(&flags, &environment)?
    };
    start_log(global, &configuration)?;
    for name in unknown_variables(&environment) {
        output.warn(&format!("{name} is set, but Cairn knows no such variable"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Problem::io("cannot start threads", error))?;
    let done = runtime.block_on(async {
        signals::listen(move |text| output.say(text))?;
        dispatch(arguments, &configuration, output).await
    });
    // Nobody waits any more for what may still hang on a network.
    runtime.shutdown_timeout(FAREWELL);
    done
}

async fn dispatch(arguments: Arguments, configuration: &Configuration, output: Output) -> Result<u8> {
    if let Command::Doctor = arguments.command {
        return doctor::doctor(configuration, output).await;
    }
    if let Command::Demo(words) = &arguments.command {
        return demo::demo(words, arguments.global.data.as_deref(), configuration, output).await;
    }
    let mut options = options(configuration)?;
    if let Command::Serve(words) = &arguments.command
        && let Some(url) = &words.url
    {
        options.url = Some(crate::configuration::address(url)?);
    }
    let url = options.url.clone();
    let service = Arc::new(Service::open(options).await?);
    let done = match arguments.command {
        Command::Serve(mut words) => {
            words.url = url;
            serve::serve(Arc::clone(&service), &words, configuration, output).await
        }
        other => {
            let looks = !matches!(other, Command::Init(_) | Command::Recover(_));
            let looked = if looks { service.look().await } else { Ok(()) };
            let done = command(other, &service, output).await;
            // What fails for it says so itself.
            if let (Ok(_), Err(problem)) = (&done, looked) {
                output.warn(problem.message());
            }
            // Where nobody serves, who did the work also puts right what a killed one left, and sends the notices.
            if let Err(problem) = service.settle_alone().await {
                tracing::warn!("{problem}");
            }
            let _ = tokio::time::timeout(DELIVERY, service.deliver_alone()).await;
            done
        }
    };
    service.close().await;
    done
}

async fn command(command: Command, service: &Service, output: Output) -> Result<u8> {
    match command {
        Command::Init(words) => care::init(service, &words, output).await,
        Command::Kit(words) => care::kit(service, &words, output).await,
        Command::Recover(words) => care::recover(service, &words, output).await,
        Command::Source(words) => sources::source(service, words, output).await,
        Command::Backup(words) => backups::backup(service, words, output).await,
        Command::List(words) if words.foreign => foreign::list(service, words.limit, output).await,
        Command::List(words) => backups::list(service, &words, output).await,
        Command::Show(words) => backups::show(service, &words, output).await,
        Command::Ls(words) => backups::ls(service, &words, output).await,
        Command::Cat(words) => backups::cat(service, &words).await,
        Command::Find(words) => backups::find(service, &words, output).await,
        Command::Diff(words) => backups::diff(service, &words, output).await,
        Command::Restore(words) => restores::restore(service, words, output).await,
        Command::Undo(words) => restores::undo(service, &words, output).await,
        Command::Resume(words) => restores::resume(service, &words, output).await,
        Command::Approve(words) => approvals::approve(service, words, output).await,
        Command::Verify(words) => care::verify(service, &words, output).await,
        Command::Accept(words) => backups::accept(service, &words, output).await,
        Command::Lock(words) => backups::lock(service, &words, true, output).await,
        Command::Unlock(words) => backups::lock(service, &words, false, output).await,
        Command::Rename(words) => backups::rename(service, &words, output).await,
        Command::Delete(words) => backups::delete(service, &words, output).await,
        Command::Purge(words) => backups::purge(service, &words, output).await,
        Command::Jobs(words) => jobs::jobs(service, words.limit, output).await,
        Command::Status(words) => match &words.job {
            Some(job) => jobs::status(service, job, output).await,
            None => jobs::jobs(service, 20, output).await,
        },
        Command::Cancel(words) => jobs::cancel(service, &words, output).await,
        Command::Logs(words) => jobs::logs(service, &words, output).await,
        Command::Export(words) => archives::export(service, words, output).await,
        Command::Import(words) => archives::import(service, words, output).await,
        Command::Adopt(words) => foreign::adopt(service, words, output).await,
        Command::Schedule(words) => policies::schedule(service, words, output).await,
        Command::Policy(words) => policies::policy(service, words, output).await,
        Command::Repository(words) => care::repository(service, words, output).await,
        Command::Person(words) => people::person(service, words, output).await,
        Command::Token(words) => people::token(service, words, output).await,
        Command::Audit(words) => care::audit(service, &words, output).await,
        Command::Doctor
        | Command::Demo(_)
        | Command::Serve(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Reference { .. } => Ok(0),
    }
}

pub(crate) fn options(configuration: &Configuration) -> Result<Options> {
    let mut options = Options::new(&configuration.data.value);
    options.asked = Some(options.clock.now_ms());
    options.kinds = configuration.kinds.clone();
    options.catalog.clone_from(&configuration.catalog.value);
    options.repository.clone_from(&configuration.repository.value);
    options.password = configuration
        .password
        .value
        .as_ref()
        .map(|hidden| hidden.0.clone());
    options.node.clone_from(&configuration.node.value);
    options.zone.clone_from(&configuration.time_zone.value);
    options.url.clone_from(&configuration.url.value);
    options.allow.clone_from(&configuration.notify_allow.value);
    options.upload_limit = configuration.upload_limit.value.0;
    options.lock_wait = configuration.lock_wait.value.std();
    options.secret_key = secret_key(&environment())?;
    options.mail = match &configuration.smtp.value {
        Some(address) => Some(mail_server(&address.0, &configuration.mail_from.value)?),
        None => None,
    };
    Ok(options)
}

fn start_log(global: &Global, configuration: &Configuration) -> Result<()> {
    let level = match global.verbose {
        0 => configuration.log.value.as_str(),
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Problem::invalid(format!("“{level}” is not a log level: {error}"))
            .hint("error, warn, info, debug or trace")
    })?;
    // A second start in one process changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    Ok(())
}
