//! The calls: parse, ask the service, answer in the panel's shapes.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{Cancel, Mode, Progress, Reason};
use serde_json::json;
use service::archive::Format;
use service::{AskedBackup, BackupRequest, RestoreRequest, Service, SourceView, Stage, Via};

use super::body::Fields;
use super::errors::Refusal;
use super::object::{self, Page};
use crate::http::{Door, Who};

type Answer = Result<Response, Refusal>;

/// So many backups by hand …
const MOST_LATELY: usize = 2;
/// … within so many seconds.
const LATELY: i64 = 600;
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 50;
const LARGEST_LIST: usize = 100;

/// Whoever asks by the panel's door.
pub(super) struct Client(Service);

impl FromRequestParts<Door> for Client {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refusal> {
        let who = Who::of(parts, door, Via::Panel).await?;
        Ok(Client(who.0))
    }
}

impl Client {
    /// The server with this id, whole or its last eight digits.
    async fn server(&self, wanted: &str) -> Result<SourceView, Refusal> {
        let wanted = wanted.to_lowercase();
        let alike = self.0.sources_ending(object::short(&wanted)).await?;
        let is_it = |source: &SourceView| {
            self.is_server(source) && (source.id == wanted || object::short(&source.id) == wanted)
        };
        alike.into_iter().find(is_it).ok_or_else(Refusal::no_such_server)
    }

    /// What the kind's description says; everything else is nothing that a panel knows.
    fn is_server(&self, source: &SourceView) -> bool {
        let kind = self.0.kinds().get(&source.kind);
        kind.is_ok_and(|kind| kind.description().is_server)
    }

    /// The server, unless a restore is going on.
    async fn free_server(&self, wanted: &str) -> Result<SourceView, Refusal> {
        let server = self.server(wanted).await?;
        if self.0.is_restoring(&server.id).await? {
            return Err(Refusal::restoring());
        }
        Ok(server)
    }

    async fn backup(&self, server: &SourceView, wanted: &str) -> Result<AskedBackup, Refusal> {
        Ok(self.0.asked_backup(&server.id, &wanted.to_lowercase()).await?)
    }

    /// One that was made, and is whole.
    async fn made(&self, server: &SourceView, wanted: &str) -> Result<AskedBackup, Refusal> {
        let backup = self.backup(server, wanted).await?;
        if backup.stage == Stage::Done {
            Ok(backup)
        } else {
            Err(Refusal::not_restorable())
        }
    }
}

/// How the list that is asked for is reached, without the number of its page.
pub(super) struct Address(String);

impl FromRequestParts<Door> for Address {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refusal> {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let from = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(nowhere, |ConnectInfo(from)| *from);
        let base = door.url(&parts.headers, from);
        let others = parts.uri.query().unwrap_or_default().split('&');
        let mut query: Vec<&str> = others
            .filter(|pair| !pair.is_empty() && !pair.starts_with("page="))
            .collect();
        query.push("page=");
        Ok(Address(format!("{base}{}?{}", parts.uri.path(), query.join("&"))))
    }
}

fn page(query: &HashMap<String, String>, address: Address, usual: usize, largest: usize) -> Page {
    let number = |name: &str| {
        query
            .get(name)
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|number| *number > 0)
    };
    Page {
        number: number("page").unwrap_or(1),
        size: number("per_page").unwrap_or(usual).min(largest),
        address: address.0,
    }
}

pub(super) async fn servers(
    client: Client,
    address: Address,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let mut all = client.0.list_sources().await?;
    let wanted = query.get("filter[name]").or(query.get("filter[*]"));
    let wanted = wanted.map(|name| name.to_lowercase()).unwrap_or_default();
    all.retain(|source| client.is_server(source) && source.name.to_lowercase().contains(&wanted));
    let page = page(&query, address, LARGEST_PAGE, LARGEST_LIST);
    let mut shown = Vec::new();
    for source in page.of(&all) {
        let allowance = client.0.allowance(&source.id, LATELY * 1000).await?;
        shown.push(object::server(source, &allowance, true));
    }
    Ok(Json(object::servers(&shown, all.len() as u64, &page)).into_response())
}

pub(super) async fn server(client: Client, Path(server): Path<String>) -> Answer {
    let server = client.server(&server).await?;
    let allowance = client.0.allowance(&server.id, LATELY * 1000).await?;
    let mut answer = object::server(&server, &allowance, true);
    answer["meta"] = json!({
        "is_server_owner": true,
        "user_permissions": ["backup.read", "backup.create", "backup.download", "backup.restore", "backup.delete"],
    });
    Ok(Json(answer).into_response())
}

pub(super) async fn list(
    client: Client,
    address: Address,
    Path(server): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let server = client.free_server(&server).await?;
    let page = page(&query, address, PAGE, LARGEST_PAGE);
    let shown = client
        .0
        .asked_backups(&server.id, page.before(), page.size as u32)
        .await?;
    Ok(Json(object::backups(&shown, &page)).into_response())
}

pub(super) async fn create(client: Client, Path(server): Path<String>, body: Bytes) -> Answer {
    let server = client.free_server(&server).await?;
    let fields = Fields::read(&body)?;
    let (name, ignore) = (fields.name()?, fields.ignored()?);
    let lock = fields.truth(&["is_locked"])?;
    check_allowance(&client, &server).await?;
    let request = BackupRequest {
        name: Some(name.unwrap_or_else(|| object::default_name(client.0.now_ms()))),
        more: object::more(&ignore),
        lock,
        reason: Reason::Manual,
        ..BackupRequest::manual(server.id.clone())
    };
    let asked = client.0.ask_backup(&request).await?;
    let backup = client.backup(&server, &asked.backup).await?;
    Ok(Json(object::backup(&backup)).into_response())
}

async fn check_allowance(client: &Client, server: &SourceView) -> Result<(), Refusal> {
    let allowance = client.0.allowance(&server.id, LATELY * 1000).await?;
    let counted = client.0.asked_backups(&server.id, 0, 0).await?.counted;
    if let Some(most) = allowance.most
        && (most == 0 || (allowance.refuses && counted >= u64::from(most)))
    {
        return Err(Refusal::too_many_backups(most));
    }
    if allowance.lately >= MOST_LATELY {
        let oldest = allowance.oldest_ms.unwrap_or(0);
        let wait = LATELY - (client.0.now_ms() - oldest) / 1000;
        return Err(Refusal::too_often(MOST_LATELY, LATELY, wait.max(1)));
    }
    Ok(())
}

pub(super) async fn show(client: Client, Path((server, backup)): Path<(String, String)>) -> Answer {
    let server = client.free_server(&server).await?;
    let backup = client.backup(&server, &backup).await?;
    Ok(Json(object::backup(&backup)).into_response())
}

pub(super) async fn download(
    State(door): State<Door>,
    client: Client,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path((server, backup)): Path<(String, String)>,
) -> Answer {
    let server = client.free_server(&server).await?;
    let backup = client.made(&server, &backup).await?;
    let link = client.0.make_link(&backup.id, Format::TarGz).await?;
    let url = format!("{}/download/{link}", door.url(&headers, from));
    Ok(Json(json!({"object": "signed_url", "attributes": {"url": url}})).into_response())
}

pub(super) async fn lock(client: Client, Path((server, backup)): Path<(String, String)>) -> Answer {
    let server = client.free_server(&server).await?;
    let backup = client.made(&server, &backup).await?;
    let is_locked = backup.made.as_ref().is_some_and(|made| made.locked);
    client.0.lock_backup(&backup.id, !is_locked).await?;
    let backup = client.backup(&server, &backup.id).await?;
    Ok(Json(object::backup(&backup)).into_response())
}

pub(super) async fn restore(
    client: Client,
    Path((server, backup)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let server = client.free_server(&server).await?;
    let truncate = Fields::read(&body)?.truth(&["truncate", "truncate_directory"])?;
    let backup = client.made(&server, &backup).await?;
    let request = RestoreRequest {
        backup: backup.id,
        parts: Vec::new(),
        paths: Vec::new(),
        to: None,
        mode: Some(if truncate { Mode::Replace } else { Mode::Merge }),
        deep: false,
        without_safety: None,
        leave_unsaved: false,
        // The panel has asked already.
        typed: Some(server.name),
    };
    let (plan, target) = client
        .0
        .plan_restore(&request, &Progress::new(), &Cancel::new())
        .await?;
    client.0.ask_restore(&request, &plan, &target).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn delete(client: Client, Path((server, backup)): Path<(String, String)>) -> Answer {
    let server = client.free_server(&server).await?;
    let backup = client.backup(&server, &backup).await?;
    match backup.stage {
        Stage::Done if backup.made.as_ref().is_some_and(|made| made.locked) => return Err(Refusal::locked()),
        Stage::Done => {
            client.0.delete_backups(&[backup.id]).await?;
        }
        Stage::Pending | Stage::Failed => client.0.dismiss_backup(&server.id, &backup.id).await?,
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
