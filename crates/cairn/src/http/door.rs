//! What every request shares, and who asks.
//!
//! Who has a bearer token acts as its person, within its scopes; a browser has a session's cookie. There is no other way in. Behind a proxy
//! that is trusted, the address is the one that it names, and so is whether the way to it is HTTPS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use model::{Kind, Problem, Result};
use service::{Caller, Feed, Service, Via};

use super::answer::problem_json;
use super::cookies;
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
    feed: Arc<Feed>,
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
            feed: Feed::new(&service),
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

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
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
    pub(crate) fn url(&self, headers: &HeaderMap, from: SocketAddr) -> String {
        match &self.0.url {
            Some(url) => url.clone(),
            None => format!("{}{}", self.origin(headers, from), self.0.base),
        }
    }

    /// Scheme and host under which the asker reaches us.
    fn origin(&self, headers: &HeaderMap, from: SocketAddr) -> String {
        if let Some(url) = &self.0.url {
            let host = url
                .find("://")
                .and_then(|at| url[at + 3..].find('/').map(|end| at + 3 + end));
            return url[..host.unwrap_or(url.len())].to_owned();
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_trusted = self.0.trusted.contains(&from.ip().to_canonical());
        let named = |name| text(name).filter(|_| is_trusted);
        let scheme = named("x-forwarded-proto")
            .filter(|scheme| *scheme == "https")
            .unwrap_or("http");
        let host = named("x-forwarded-host").or(text("host")).unwrap_or("localhost");
        format!("{scheme}://{host}")
    }

    /// Is the way to us sealed, as far as we know?
    pub(crate) fn is_secure(&self, headers: &HeaderMap, from: SocketAddr) -> bool {
        self.origin(headers, from).starts_with("https:")
    }
}

/// Who asks, before he has said who he is.
pub(crate) struct Visitor {
    pub(crate) service: Service,
    pub(crate) is_secure: bool,
    pub(crate) agent: String,
}

impl FromRequestParts<Door> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> std::result::Result<Self, Response> {
        let from = peer(parts);
        let address = door.address_of(&parts.headers, from).to_string();
        let agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        Ok(Visitor {
            service: door.service().acting(Caller::nobody(Via::Web, &address)),
            is_secure: door.is_secure(&parts.headers, from),
            agent: agent.unwrap_or_default().to_owned(),
        })
    }
}

/// Whoever holds the other end of the connection.
fn peer(parts: &Parts) -> SocketAddr {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(nowhere, |ConnectInfo(from)| *from)
}

/// The key that a request bears, and that was claimed for it.
#[derive(Clone)]
pub(crate) struct Bears(pub(crate) String);

/// The service, acting for whoever asks.
pub(crate) struct Who(pub(crate) Service);

impl Who {
    pub(crate) async fn of(parts: &Parts, door: &Door, via: Via) -> Result<Self> {
        let from = peer(parts);
        let nobody = |via| {
            let address = door.address_of(&parts.headers, from).to_string();
            door.service().acting(Caller::nobody(via, &address))
        };
        let secret = cookies::session(&parts.headers, door.is_secure(&parts.headers, from));
        let caller = match secret {
            Some(secret) if !parts.headers.contains_key(header::AUTHORIZATION) => {
                cookies::check_origin(&parts.method, &parts.headers, &door.origin(&parts.headers, from))?;
                nobody(Via::Web).authenticate_session(secret).await?
            }
            _ => nobody(via).authenticate_token(bearer(&parts.headers)?).await?,
        };
        let caller = match parts.extensions.get::<Bears>() {
            Some(Bears(key)) => caller.bearing(key),
            None => caller,
        };
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
