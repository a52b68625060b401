//! Where Cairn's settings come from, and which one won.
//!
//! Layers, strongest first: flags · environment (`CAIRN_*`; for secrets also `…_FILE` and `…_COMMAND`) ·
//! `cairn.toml` · defaults. Every value remembers its layer, so that `cairn doctor` can say what came from where.
//!
//! Rules: an unknown key in the file is an error that names it; a secret file that others can read is refused;
//! a secret is never shown, only where it came from.

mod defaults;
mod layers;
mod mail;
mod secrets;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use model::{Lapse, Problem, Result, Size};
use serde::Deserialize;
use service::notify::Net;

pub(crate) use defaults::address;
use defaults::{
    USUAL_RATE, absolute, default_data, default_workers, default_zone, parse_rate, parse_workers,
    usual_lock_wait,
};
use layers::Layers;
pub(crate) use mail::mail_server;
pub(crate) use secrets::{secret_command, secret_file, secret_key};

/// `cairn.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_field_names, reason = "named after the keys of the file")]
struct File {
    data: Option<PathBuf>,
    catalog: Option<String>,
    repository: Option<String>,
    repository_password_file: Option<PathBuf>,
    repository_password_command: Option<String>,
    node: Option<String>,
    workers: Option<usize>,
    rate_limit: Option<u32>,
    time_zone: Option<String>,
    log: Option<String>,
    smtp: Option<String>,
    mail_from: Option<String>,
    notify_allow: Option<Vec<Net>>,
    upload_limit: Option<Size>,
    lock_wait: Option<Lapse>,
    url: Option<String>,
}

/// Which layer a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Environment(&'static str),
    File(PathBuf),
    /// Remembered by the catalog.
    Catalog,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Catalog => f.write_str("remembered in the catalog"),
            Origin::Default => f.write_str("default"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// A secret that does not print itself.
#[derive(Clone)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Everything that is configured, with where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) data: Setting<PathBuf>,
    pub(crate) catalog: Setting<Option<String>>,
    pub(crate) repository: Setting<Option<String>>,
    pub(crate) password: Setting<Option<Hidden>>,
    pub(crate) node: Setting<String>,
    pub(crate) workers: Setting<usize>,
    /// Requests a minute over HTTP; 0 for no limit.
    pub(crate) rate_limit: Setting<u32>,
    pub(crate) time_zone: Setting<String>,
    pub(crate) log: Setting<String>,
    pub(crate) smtp: Setting<Option<Hidden>>,
    pub(crate) mail_from: Setting<String>,
    /// Networks of one's own that webhooks may call.
    pub(crate) notify_allow: Setting<Vec<Net>>,
    /// The largest file that may be uploaded.
    pub(crate) upload_limit: Setting<Size>,
    /// So long scheduled and queued jobs wait for a lock on the repository.
    pub(crate) lock_wait: Setting<Lapse>,
    /// How the world reaches the server, for links.
    pub(crate) url: Setting<Option<String>>,
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
    /// The kinds of sources that this program knows; not set from outside.
    pub(crate) kinds: service::Kinds,
}

/// What the command line says about configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) config: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) repository: Option<String>,
}

/// The environment as a map, so that tests need not change the process's own.
pub(crate) type Environment = BTreeMap<String, String>;

/// The variables of this process that Cairn looks at.
pub(crate) fn environment() -> Environment {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| {
            name.starts_with("CAIRN_")
                || matches!(name.as_str(), "HOME" | "XDG_DATA_HOME" | "XDG_CONFIG_HOME" | "TZ")
        })
        .collect()
}

const KNOWN: [&str; 24] = [
    "CAIRN_CATALOG",
    "CAIRN_CONFIG",
    "CAIRN_DATA",
    "CAIRN_LOCK_WAIT",
    "CAIRN_LOG",
    "CAIRN_MAIL_FROM",
    "CAIRN_NODE",
    "CAIRN_NOTIFY_ALLOW",
    "CAIRN_PASSPHRASE",
    "CAIRN_RATE_LIMIT",
    "CAIRN_REPOSITORY",
    "CAIRN_REPOSITORY_PASSWORD",
    "CAIRN_REPOSITORY_PASSWORD_COMMAND",
    "CAIRN_REPOSITORY_PASSWORD_FILE",
    "CAIRN_SECRET_KEY",
    "CAIRN_SECRET_KEY_FILE",
    "CAIRN_SMTP",
    "CAIRN_SMTP_COMMAND",
    "CAIRN_SMTP_FILE",
    "CAIRN_TIME_ZONE",
    "CAIRN_UPLOAD_LIMIT",
    "CAIRN_URL",
    "CAIRN_WORKERS",
    "CAIRN_JSON",
];

/// Variables that look like ours but are not: probably misspelt.
pub(crate) fn unknown_variables(environment: &Environment) -> Vec<String> {
    let ours = |name: &&String| name.starts_with("CAIRN_") && !name.starts_with("CAIRN_TEST_");
    environment
        .keys()
        .filter(ours)
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .cloned()
        .collect()
}

impl Configuration {
    /// Puts the layers together.
    pub(crate) fn load(flags: &Flags, environment: &Environment) -> Result<Self> {
        let path = file_path(flags, environment)?;
        let read = path.as_ref().map(|path| read_file(path)).transpose();
        let file = read?.unwrap_or_default();
        let layers = Layers {
            environment,
            path: path.clone().unwrap_or_default(),
        };
        let data = match &flags.data {
            Some(data) => Setting {
                value: data.clone(),
                origin: Origin::Flag,
            },
            None => layers.pick(
                "CAIRN_DATA",
                file.data,
                |text| Ok(PathBuf::from(text)),
                || default_data(environment),
            )?,
        };
        let repository = match &flags.repository {
            Some(address) => Setting {
                value: Some(address.clone()),
                origin: Origin::Flag,
            },
            None => layers.optional("CAIRN_REPOSITORY", file.repository),
        };
        Ok(Configuration {
            data: Setting {
                value: absolute(&data.value)?,
                origin: data.origin,
            },
            catalog: layers.optional("CAIRN_CATALOG", file.catalog),
            repository,
            password: layers.secret(
                [
                    "CAIRN_REPOSITORY_PASSWORD",
                    "CAIRN_REPOSITORY_PASSWORD_FILE",
                    "CAIRN_REPOSITORY_PASSWORD_COMMAND",
                ],
                file.repository_password_file,
                file.repository_password_command,
            )?,
            node: layers.text("CAIRN_NODE", file.node, || "main".to_owned())?,
            workers: layers.pick("CAIRN_WORKERS", file.workers, parse_workers, default_workers)?,
            rate_limit: layers.pick("CAIRN_RATE_LIMIT", file.rate_limit, parse_rate, || USUAL_RATE)?,
            time_zone: layers.text("CAIRN_TIME_ZONE", file.time_zone, default_zone)?,
            log: layers.text("CAIRN_LOG", file.log, || "warn".to_owned())?,
            smtp: layers.smtp(file.smtp)?,
            mail_from: layers.text("CAIRN_MAIL_FROM", file.mail_from, || "cairn@localhost".to_owned())?,
            notify_allow: layers.pick(
                "CAIRN_NOTIFY_ALLOW",
                file.notify_allow,
                |text| {
                    text.split(',')
                        .map(|net| net.trim().to_owned().try_into())
                        .collect()
                },
                Vec::new,
            )?,
            upload_limit: layers.pick("CAIRN_UPLOAD_LIMIT", file.upload_limit, str::parse, || {
                Size(service::USUAL_UPLOAD_LIMIT)
            })?,
            lock_wait: layers.pick("CAIRN_LOCK_WAIT", file.lock_wait, str::parse, usual_lock_wait)?,
            url: layers.url(file.url)?,
            file: path,
            kinds: service::kinds(),
        })
    }
}

fn file_path(flags: &Flags, environment: &Environment) -> Result<Option<PathBuf>> {
    let named = flags
        .config
        .clone()
        .or_else(|| environment.get("CAIRN_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        if !path.is_file() {
            return Err(
                Problem::invalid(format!("there is no configuration file at {}", path.display()))
                    .hint("check --config and CAIRN_CONFIG"),
            );
        }
        return Ok(Some(path));
    }
    let home = environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = home.or_else(|| {
        environment
            .get("HOME")
            .map(|home| Path::new(home).join(".config"))
    });
    let places = home
        .map(|dir| dir.join("cairn/cairn.toml"))
        .into_iter()
        .chain([PathBuf::from("/etc/cairn/cairn.toml")]);
    Ok(places.into_iter().find(|path| path.is_file()))
}

fn read_file(path: &Path) -> Result<File> {
    let text = fs::read_to_string(path)
        .map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?;
    toml::from_str(&text).map_err(|error| {
        Problem::invalid(format!("{}: {}", path.display(), error.to_string().trim_end()))
            .hint("`cairn doctor` lists the keys that exist and the values in force")
    })
}
