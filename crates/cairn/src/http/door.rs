//! What every request shares, and who asks.
//!
//! Who has a bearer token acts as its person, within its scopes; there is no other way in. Behind a proxy that is trusted, the address is
//! the one that it names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use model::{Kind, Problem, Result};
use service::{Caller, Service, Via};

use super::answer::problem_json;
use super::rates::Rates;

#[derive(Clone)]
pub(crate) struct Door(Arc<Shared>);

struct Shared {
    service: Arc<Service>,
    /// Before every path: empty, or `/cairn`.
    base: String,
    /// How the world reaches us: `https://backup.example.org/cairn`; else what a request says.
    url: Option<String>,
    trusted: Vec<IpAddr>,
    rates: Rates,
}

impl Door {
    pub(crate) fn new(
        service: Arc<Service>,
        base: &str,
        url: Option<String>,
        trusted: Vec<IpAddr>,
        rates: Rates,
    ) -> Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        if !base.is_empty() && (!base.starts_with('/') || base.contains(['{', '}', '?', '#', ' '])) {
            return Err(Problem::invalid(format!("“{base}” is not a base path")).hint("write it like /cairn"));
        }
        Ok(Door(Arc::new(Shared {
            service,
            base,
            url: url.map(|url| url.trim_end_matches('/').to_owned()),
            trusted,
            rates,
        })))
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.0.service
    }

    pub(crate) fn base(&self) -> &str {
        &self.0.base
    }

    pub(super) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// The address that asks.
    pub(crate) fn address_of(&self, headers: &HeaderMap, from: SocketAddr) -> IpAddr {
        let peer = from.ip().to_canonical();
        if !self.0.trusted.contains(&peer) {
            return peer;
        }
        let named = headers
            .get("x-forwarded-for")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        named.unwrap_or(peer)
    }

    /// The beginning of our addresses, as the asker can use them.
    pub(crate) fn url(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.0.url {
            return url.clone();
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or("localhost");
        format!("http://{host}{}", self.0.base)
    }
}

/// The service, acting for whoever asks.
pub(crate) struct Who(pub(crate) Service);

impl Who {
    pub(crate) async fn of(parts: &Parts, door: &Door, via: Via) -> Result<Self> {
        let token = bearer(&parts.headers)?;
        let address = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(from)| door.address_of(&parts.headers, *from).to_string())
            .unwrap_or_default();
        let nobody = Caller::nobody(via, &address);
        let caller = door.service().acting(nobody).authenticate_token(token).await?;
        Ok(Who(door.service().acting(caller)))
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    token.filter(|token| !token.is_empty()).ok_or_else(|| {
        Problem::new(Kind::Unauthenticated, "who are you?")
            .hint("send a token: Authorization: Bearer cairn_…; `cairn token create` makes one")
    })
}

impl FromRequestParts<Door> for Who {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> std::result::Result<Self, Response> {
        Who::of(parts, door, Via::Api)
            .await
            .map_err(|problem| problem_json(&problem))
    }
}
