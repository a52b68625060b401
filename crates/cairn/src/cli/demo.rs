//! `cairn demo`: a throw-away instance with a history, to try things on.
//!
//! Wiring only: a sample game server is made, backed up while it changes, and griefed; a person and a token come in; then everything is served
//! until it is told to leave. Rules: nothing of the caller's own instance is touched, whatever his environment names; a temporary folder goes
//! with the process, a folder with a name stays and is served again the next time.

mod game_server;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use game_server::Folder;
use model::{Cancel, Entitlement, Kind, Problem, Progress, Reason, Result, Role, Schedule, SystemRandom};
use serde_json::json;
use service::{BackupRequest, NewPerson, NewToken, Options, PersonView, Roles, Service, Serving};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::arguments::Demo;
use super::serve::{LEAVING, run};
use super::signals::Stopping;
use crate::cli::output::Output;
use crate::configuration::{Configuration, Environment};
use crate::http::{Bounds, Door};

const SERVER: &str = "game-server";
const PERSON: &str = "demo";
/// Says that a folder is a demo's; as a configuration it says nothing.
const MARK: &str = "cairn-demo.toml";
const USUAL: &str = "127.0.0.1:8080";
const ANY: &str = "127.0.0.1:0";

/// What of the environment a demo listens to.
pub(super) fn only_harmless(environment: Environment) -> Environment {
    let harmless = |name: &String| !name.starts_with("CAIRN_") || name == "CAIRN_LOG";
    environment
        .into_iter()
        .filter(|(name, _)| harmless(name))
        .collect()
}

/// Where a demo lies; temporary ones are removed with this value.
struct Place {
    root: PathBuf,
    _temporary: Option<TempDir>,
}

impl Place {
    fn find(named: Option<&Path>) -> Result<Self> {
        let Some(named) = named else {
            let made = tempfile::Builder::new().prefix("cairn-demo-").tempdir();
            let made = made.map_err(|error| Problem::io("cannot make a temporary folder", error))?;
            return Ok(Place {
                root: made.path().to_path_buf(),
                _temporary: Some(made),
            });
        };
        let problem = |error| Problem::io(format!("cannot use {}", named.display()), error);
        fs::create_dir_all(named).map_err(problem)?;
        let root = named.canonicalize().map_err(problem)?;
        let is_empty = fs::read_dir(&root).map_err(problem)?.next().is_none();
        if !is_empty && !root.join(MARK).is_file() {
            let message = format!("{} is not empty, and no demo's", root.display());
            return Err(Problem::new(Kind::Refused, message)
                .hint("name a new folder, or none: then it is a temporary one"));
        }
        Ok(Place {
            root,
            _temporary: None,
        })
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }
}

pub(crate) async fn demo(
    words: &Demo,
    named: Option<&Path>,
    configuration: &Configuration,
    output: Output,
) -> Result<u8> {
    let stop = Cancel::new();
    let _stopping = Stopping::begin(&stop, LEAVING)?;
    let place = Place::find(named)?;
    let options = Options {
        zone: configuration.time_zone.value.clone(),
        ..Options::new(place.data())
    };
    let service = Arc::new(Service::open(options).await?);
    if !place.root.join(MARK).is_file() {
        output.say(&format!(
            "making a sample game server in {}",
            place.root.display()
        ));
        furnish(&service, &place.root, &stop).await?;
    }
    let web = listen(words).await?;
    let cairn = command(&place, configuration.file.is_some());
    let roles = Roles {
        workers: configuration.workers.value,
        scheduler: true,
    };
    let serving = Serving::begin(&service, roles).await?;
    introduce(&service, &place, &web, &cairn, output).await?;
    let door = Door::new(
        Arc::clone(&service),
        "",
        None,
        Vec::new(),
        Bounds::usual(configuration.rate_limit.value),
    )?;
    let served = run(door, Some(web), serving, &stop).await;
    service.close().await;
    output.say(&match named {
        Some(_) => format!(
            "{} stays; `cairn demo --data` with it goes on",
            place.root.display()
        ),
        None => format!("{} is removed", place.root.display()),
    });
    served
}

/// The history: three evenings that were backed up, and what a griefer did since.
async fn furnish(service: &Service, root: &Path, stop: &Cancel) -> Result<()> {
    let mut folder = Folder::make(&root.join(SERVER))?;
    service
        .add_source(SERVER, "folder", &json!({ "paths": [folder.root] }))
        .await?;
    let nightly = Schedule::read("daily at 03:00", &service.zone()?)?;
    service.set_schedule(SERVER, nightly).await?;
    for (evening, name, reason, lock) in [
        (0, Some("the first evening"), Reason::Manual, false),
        (1, Some("before the castle"), Reason::Manual, true),
        (2, None, Reason::Scheduled, false),
        (3, Some("the castle stands"), Reason::Manual, false),
    ] {
        if evening > 0 {
            folder.play(evening)?;
        }
        let request = BackupRequest {
            name: name.map(str::to_owned),
            reason,
            lock,
            ..BackupRequest::manual(SERVER)
        };
        service.backup(&request, &Progress::new(), stop).await?;
    }
    folder.grief()?;
    let mark = root.join(MARK);
    fs::write(&mark, "# This folder is a demo of Cairn. It may be deleted.\n")
        .map_err(|error| Problem::io(format!("cannot write {}", mark.display()), error))
}

/// Where it was asked for; where nothing was asked for, the usual port or a free one.
async fn listen(words: &Demo) -> Result<TcpListener> {
    let address = |text: &str| {
        text.parse()
            .map_err(|_| Problem::internal("an address of this program"))
    };
    match words.listen {
        Some(wanted) => crate::http::listen(wanted).await,
        None => match crate::http::listen(address(USUAL)?).await {
            Ok(listener) => Ok(listener),
            Err(_) => crate::http::listen(address(ANY)?).await,
        },
    }
}

/// The person, with a new password each time.
async fn let_in(service: &Service) -> Result<(PersonView, String)> {
    let password = service::kit_sheet::password(&SystemRandom)?;
    // Four groups of thirteen: enough for a day.
    let password = password.split('-').take(4).collect::<Vec<_>>().join("-");
    let known = service.list_people().await?;
    if let Some(person) = known.into_iter().find(|person| person.name == PERSON) {
        service.set_password(PERSON, &password).await?;
        return Ok((person, password));
    }
    let new = NewPerson {
        name: PERSON.to_owned(),
        role: Role::Administrator,
        password: Some(password.clone()),
        email: None,
        plan: Entitlement::default(),
    };
    Ok((service.add_person(&new).await?, password))
}

async fn introduce(
    service: &Service,
    place: &Place,
    web: &TcpListener,
    cairn: &str,
    output: Output,
) -> Result<()> {
    let (person, password) = let_in(service).await?;
    let token = NewToken {
        person: Some(person.name.clone()),
        name: "of the demo".to_owned(),
        scopes: Vec::new(),
        expires: None,
    };
    let token = service.create_token(&token).await?.token;
    let address = web
        .local_addr()
        .map_err(|error| Problem::io("cannot tell the address", error))?;
    let commands =
        ["restore latest --plan", "restore latest", "undo"].map(|words| format!("{cairn} {words}"));
    let about = [
        "what the griefer did, and what a restore would do; nothing is changed",
        "shows the plan, takes a safety backup, restores, compares",
        "puts back what was there before",
    ];
    let told = json!({
        "address": format!("http://{address}"), "docs": format!("http://{address}/api/docs"),
        "person": person.name, "password": password, "token": token,
        "data": place.data(), "source": place.root.join(SERVER), "commands": commands,
    });
    output.answer(&told, || {
        let tries: String = commands
            .iter()
            .zip(about)
            .map(|(command, about)| format!("  {command}\n      {about}\n"))
            .collect();
        format!(
            "\nA game server with four backups, and a griefer since: {}\n\n\
             address   http://{address}\nlog-in    {}  {password}\nAPI       http://{address}/api/docs\ntoken     {token}\n\n\
             To try in another terminal:\n\n{tries}\nCtrl-C ends the demo.",
            place.root.join(SERVER).display(),
            person.name,
        )
    })
}

/// This program on this instance and no other, as a shell understands it: what the environment or a file of the caller's names is left out.
fn command(place: &Place, has_file: bool) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("cairn"));
    let others: String = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CAIRN_") && name != "CAIRN_LOG")
        .map(|name| format!("-u {name} "))
        .collect();
    let program = quoted(&program);
    let program = if others.is_empty() {
        program
    } else {
        format!("env {others}{program}")
    };
    let file = if has_file {
        format!(" --config {}", quoted(&place.root.join(MARK)))
    } else {
        String::new()
    };
    format!("{program}{file} --data {}", quoted(&place.data()))
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted(Path::new("/tmp/a-b")), "/tmp/a-b");
        assert_eq!(quoted(Path::new("/tmp/it's me")), r"'/tmp/it'\''s me'");
    }

    #[test]
    fn what_names_another_instance_is_not_listened_to() {
        let named = ["CAIRN_CATALOG", "CAIRN_LOG", "HOME"].map(|name| (name.to_owned(), "x".to_owned()));
        let left = only_harmless(named.into_iter().collect());
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ["CAIRN_LOG", "HOME"]);
    }
}
