//! Pages for people, made on the server; they work without scripts.
//!
//! Today there is one: where the link in a letter leads, to see what a restore would do, and to approve or decline it. `GET` only shows (mail
//! scanners follow links); the answer is a form that is sent. Invariants: no script, nothing from elsewhere, no frame around it; the
//! address holds a secret and is told to nobody by `Referer`.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::{Kind, Problem};
use serde::Deserialize;
use service::{Agreement, ApprovalSheet};

use crate::http::{Door, Visitor, status};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(crate) fn routes() -> axum::Router<Door> {
    axum::Router::new().route("/a/{link}", get(show).post(answer))
}

#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage<'a> {
    sheet: &'a ApprovalSheet,
    action: String,
    /// What was wrong with the last attempt.
    problem: Option<&'a Problem>,
    typed: &'a str,
}

#[derive(Template)]
#[template(path = "told.html")]
struct ToldPage<'a> {
    heading: &'a str,
    text: &'a str,
    hint: &'a str,
}

/// `2026-11-21T11:02:18.224Z` as people read it.
fn when(moment: &str) -> String {
    let minute = moment.get(..16).unwrap_or(moment);
    format!("{} UTC", minute.replace('T', " "))
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    name: String,
    #[serde(default)]
    reason: String,
    /// `approve` or `decline`.
    answer: String,
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match template.render() {
        Ok(text) => (status, headers, text).into_response(),
        Err(error) => {
            tracing::error!("a page cannot be made: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn told(problem: &Problem) -> Response {
    let told = ToldPage {
        heading: "This cannot be answered",
        text: problem.message(),
        hint: problem.hint_text().unwrap_or_default(),
    };
    page(status(problem.kind()), &told)
}

fn sheet(door: &Door, link: &str, sheet: &ApprovalSheet, problem: Option<&Problem>, typed: &str) -> Response {
    let shown = ApprovalPage {
        sheet,
        action: format!("{}/a/{link}", door.base()),
        problem,
        typed,
    };
    page(
        problem.map_or(StatusCode::OK, |problem| status(problem.kind())),
        &shown,
    )
}

async fn show(State(door): State<Door>, visitor: Visitor, Path(link): Path<String>) -> Response {
    match visitor.service.approval_of_link(&link).await {
        Ok(found) => sheet(&door, &link, &found, None, ""),
        Err(problem) => told(&problem),
    }
}

async fn answer(
    State(door): State<Door>,
    visitor: Visitor,
    Path(link): Path<String>,
    Form(form): Form<Answered>,
) -> Response {
    let service = &visitor.service;
    let done = if form.answer == "approve" {
        let agreement = Agreement {
            name: form.name.clone(),
            reason: form.reason.clone(),
        };
        let done = service.approve_by_link(&link, &agreement).await;
        done.map(|view| {
            (
                "Approved",
                format!(
                    "The restore of {} begins now. A safety backup of what is there is made first.",
                    view.source
                ),
            )
        })
    } else {
        let done = service.decline_by_link(&link, &form.reason).await;
        done.map(|view| {
            (
                "Declined",
                format!("Nothing was changed. {} is told.", view.requester),
            )
        })
    };
    match done {
        Ok((heading, text)) => page(
            StatusCode::OK,
            &ToldPage {
                heading,
                text: &text,
                hint: "You can close this page.",
            },
        ),
        // A slip of the pen can be mended on the same page.
        Err(problem) if matches!(problem.kind(), Kind::Invalid | Kind::Refused | Kind::TooMany) => {
            match service.approval_of_link(&link).await {
                Ok(found) => sheet(&door, &link, &found, Some(&problem), &form.name),
                Err(problem) => told(&problem),
            }
        }
        Err(problem) => told(&problem),
    }
}
