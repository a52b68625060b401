//! Policies and schedules of sources.

use axum::Json;
use axum::http::StatusCode;
use model::Schedule;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{Fate, ScheduleView};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{At, Door, Fields, Who, Wrong};

pub(super) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(show_policy, change_policy, use_preset))
        .routes(routes!(simulate))
        .routes(routes!(try_channels))
        .routes(routes!(list_schedules))
        .routes(routes!(show_schedule, set_schedule))
}

/// Changes of a policy: what is not named stays, `null` takes away.
#[derive(Deserialize, ToSchema)]
#[schema(value_type = Object)]
struct PolicyChanges(Map<String, Value>);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PresetFields {
    /// `discord-single`, `rotating:n`, `panel:n`, `nightly-7-days`.
    preset: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleFields {
    /// In words, as on the command line: `daily at 03:00`, `every 24h`, `off`.
    schedule: String,
}

/// What came of a trial of one channel.
#[derive(Serialize, ToSchema)]
struct TriedChannel {
    channel: String,
    arrived: bool,
    problem: Option<String>,
    hint: Option<String>,
}

/// Schedule, retention, limits, gates, hooks, and whom it tells.
#[utoipa::path(get, path = "/api/sources/{source}/policy", tag = "policies", params(("source" = String, Path)),
    responses((status = 200, body = Object)))]
async fn show_policy(Who(service): Who, At(source): At<String>) -> Result<Json<Value>, Wrong> {
    let policy = service.policy(&source).await?;
    Ok(Json(serde_json::to_value(policy).unwrap_or_default()))
}

/// Changes the policy: what is not named stays, `null` takes away.
#[utoipa::path(patch, path = "/api/sources/{source}/policy", tag = "policies", params(("source" = String, Path)),
    request_body = Object, responses((status = 200, body = Object)))]
async fn change_policy(
    Who(service): Who,
    At(source): At<String>,
    Fields(PolicyChanges(changes)): Fields<PolicyChanges>,
) -> Result<Json<Value>, Wrong> {
    let policy = service.change_policy(&source, &Value::Object(changes)).await?;
    Ok(Json(serde_json::to_value(policy).unwrap_or_default()))
}

/// Takes a ready-made policy.
#[utoipa::path(put, path = "/api/sources/{source}/policy", tag = "policies", params(("source" = String, Path)),
    request_body = PresetFields, responses((status = 200, body = Object)))]
async fn use_preset(
    Who(service): Who,
    At(source): At<String>,
    Fields(fields): Fields<PresetFields>,
) -> Result<Json<Value>, Wrong> {
    let zone = service.zone()?;
    let policy = service
        .use_preset(&source, fields.preset.parse()?, &zone)
        .await?
        .policy;
    Ok(Json(serde_json::to_value(policy).unwrap_or_default()))
}

/// What would be kept, and why, if the policy were changed so; nothing is.
#[utoipa::path(post, path = "/api/sources/{source}/policy/simulate", tag = "policies", params(("source" = String, Path)),
    request_body = Object, responses((status = 200, body = Vec<Fate>)))]
async fn simulate(
    Who(service): Who,
    At(source): At<String>,
    Fields(PolicyChanges(changes)): Fields<PolicyChanges>,
) -> Result<Json<Vec<Fate>>, Wrong> {
    Ok(Json(service.simulate(&source, &Value::Object(changes)).await?))
}

/// Sends a trial notice to everybody whom the policy tells, by the real way.
#[utoipa::path(post, path = "/api/sources/{source}/policy/test", tag = "policies", params(("source" = String, Path)),
    responses((status = 200, body = Vec<TriedChannel>)))]
async fn try_channels(Who(service): Who, At(source): At<String>) -> Result<Json<Vec<TriedChannel>>, Wrong> {
    let tried = service.try_channels(&source).await?;
    let told = |tried: service::Tried| TriedChannel {
        channel: tried.channel,
        arrived: tried.arrived,
        problem: tried.problem,
        hint: tried.hint,
    };
    Ok(Json(tried.into_iter().map(told).collect()))
}

/// The schedules of all sources that one may see.
#[utoipa::path(get, path = "/api/schedules", tag = "policies", responses((status = 200, body = Vec<ScheduleView>)))]
async fn list_schedules(Who(service): Who) -> Result<Json<Vec<ScheduleView>>, Wrong> {
    let mut views = Vec::new();
    for source in service.list_sources().await? {
        views.push(service.show_schedule(&source.id).await?);
    }
    Ok(Json(views))
}

/// When a source is backed up by itself, with the next runs.
#[utoipa::path(get, path = "/api/schedules/{source}", tag = "policies", params(("source" = String, Path)),
    responses((status = 200, body = ScheduleView)))]
async fn show_schedule(Who(service): Who, At(source): At<String>) -> Result<Json<ScheduleView>, Wrong> {
    Ok(Json(service.show_schedule(&source).await?))
}

/// Sets it, in words.
#[utoipa::path(put, path = "/api/schedules/{source}", tag = "policies", params(("source" = String, Path)),
    request_body = ScheduleFields, responses((status = 200, body = ScheduleView)))]
async fn set_schedule(
    Who(service): Who,
    At(source): At<String>,
    Fields(fields): Fields<ScheduleFields>,
) -> Result<(StatusCode, Json<ScheduleView>), Wrong> {
    let schedule = Schedule::read(&fields.schedule, &service.zone()?)?;
    Ok((
        StatusCode::OK,
        Json(service.set_schedule(&source, schedule).await?),
    ))
}
