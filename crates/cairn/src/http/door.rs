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
use model::{Kind, PersonId, Problem, Result};
use service::{Caller, Feed, Judged, Service, Via};

use super::answer::problem_json;
use super::cookies;
use super::guests::Guests;
use super::patience::Bounds;
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
    bounds: Bounds,
    guests: Arc<Guests>,
    feed: Arc<Feed>,
}

impl Door {
    pub(crate) fn new(
        service: Arc<Service>,
        base: &str,
        url: Option<String>,
        trusted: Vec<IpAddr>,
        bounds: Bounds,
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
            rates: Rates::new(bounds.rate),
            guests: Guests::new(bounds.connections),
            bounds,
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

    pub(super) fn guests(&self) -> &Arc<Guests> {
        &self.0.guests
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.0.bounds
    }

    /// Is it a proxy whose word is taken?
    pub(super) fn is_trusted(&self, from: SocketAddr) -> bool {
        self.0.trusted.contains(&from.ip().to_canonical())
    }

    /// The address that asks.
    pub(crate) fn address_of(&self, headers: &HeaderMap, from: SocketAddr) -> IpAddr {
        let peer = from.ip().to_canonical();
        if !self.is_trusted(from) {
            return peer;
        }
        let named = headers
            .get("x-forwarded-for")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        named.unwrap_or(peer)
    }

    /// The beginning of the addresses that we give away: the one that is configured; else, where the asker names the very address and port at which
    /// they came in, that one; else none, so that the address is relative. What else a request says of itself is in no link.
    pub(crate) fn url(&self, headers: &HeaderMap, from: SocketAddr) -> String {
        let base = &self.0.base;
        match (&self.0.url, self.named_here(headers, from)) {
            (Some(url), _) => url.clone(),
            (None, Some(host)) => format!("http://{host}{base}"),
            (None, None) => base.clone(),
        }
    }

    /// The address at which a connection came in, when that is what it asks for.
    fn named_here(&self, headers: &HeaderMap, from: SocketAddr) -> Option<String> {
        if self.is_trusted(from) {
            return None;
        }
        let here = self.0.guests.came_in_at(from)?;
        let here = SocketAddr::new(here.ip().to_canonical(), here.port());
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let is_local = host
            .strip_prefix("localhost")
            .is_some_and(|port| here.ip().is_loopback() && port == format!(":{}", here.port()));
        let is_here = host.parse() == Ok(here) || (here.port() == 80 && host.parse() == Ok(here.ip()));
        (is_local || is_here).then(|| host.to_owned())
    }

    /// Scheme and host under which the asker says to reach us: to compare with where a page of theirs comes from, and for nothing else.
    fn origin(&self, headers: &HeaderMap, from: SocketAddr) -> String {
        if let Some(url) = &self.0.url {
            let host = url
                .find("://")
                .and_then(|at| url[at + 3..].find('/').map(|end| at + 3 + end));
            return url[..host.unwrap_or(url.len())].to_owned();
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let named = |name| text(name).filter(|_| self.is_trusted(from));
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
pub(crate) struct Bears {
    pub(crate) key: String,
    /// What is asked of the judge while it is carried out.
    pub(crate) asked: Judged,
}

/// The service, acting for whoever asks.
pub(crate) struct Who(pub(crate) Service);

/// Who was found to ask before the request got to where it is answered.
#[derive(Clone)]
struct Identified(Caller);

impl Who {
    pub(crate) async fn of(parts: &Parts, door: &Door, via: Via) -> Result<Self> {
        let caller = match parts.extensions.get::<Identified>() {
            Some(Identified(caller)) => caller.clone().by(via),
            None => caller(parts, door, via).await?,
        };
        let caller = match parts.extensions.get::<Bears>() {
            Some(Bears { key, asked }) => caller.bearing(key).noting(asked),
            None => caller,
        };
        Ok(Who(door.service().acting(caller)))
    }

    /// Finds out who asks, when anybody says so; whoever answers need not do it again.
    pub(super) async fn identify(parts: &mut Parts, door: &Door) -> Option<PersonId> {
        let claims = [header::AUTHORIZATION, header::COOKIE];
        if !claims.iter().any(|name| parts.headers.contains_key(name)) {
            return None;
        }
        let caller = caller(parts, door, Via::Api).await.ok()?;
        let person = caller.person_id()?;
        parts.extensions.insert(Identified(caller));
        Some(person)
    }
}

async fn caller(parts: &Parts, door: &Door, via: Via) -> Result<Caller> {
    let from = peer(parts);
    let nobody = |via| {
        let address = door.address_of(&parts.headers, from).to_string();
        door.service().acting(Caller::nobody(via, &address))
    };
    let secret = cookies::session(&parts.headers, door.is_secure(&parts.headers, from));
    match secret {
        Some(secret) if !parts.headers.contains_key(header::AUTHORIZATION) => {
            cookies::check_origin(&parts.method, &parts.headers, &door.origin(&parts.headers, from))?;
            nobody(Via::Web).authenticate_session(secret).await
        }
        _ => nobody(via).authenticate_token(bearer(&parts.headers)?).await,
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
