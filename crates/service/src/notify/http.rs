//! One call over HTTP that cannot be led astray.
//!
//! Rules: the name is looked up once; every address that comes back is judged, and a single bad one spoils the call;
//! then just those addresses are called, so that a second look-up cannot say something else. No redirects, no proxies,
//! ten seconds, and the answer's body is not read. Problems name the host and port alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::{Kind, Problem, Result};
use reqwest::{Client, StatusCode, Url, redirect};

use super::Net;
use super::address::refusal;

const WHOLE: Duration = Duration::from_secs(10);
const MOST_BODY: usize = 256 * 1024;

/// Where names are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    #[default]
    System,
    /// These and no others.
    Given(BTreeMap<String, Vec<IpAddr>>),
}

/// What is sent.
pub(super) struct Call {
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Host and port, for problems.
struct Place {
    host: String,
    port: u16,
}

pub(super) fn url(text: &str) -> Result<Url> {
    // The text is not repeated: its path may be the secret.
    let wrong = |why: &str| {
        Problem::invalid(format!("the address to call {why}"))
            .hint("write it like https://example.org/path, without user and password")
    };
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user or a password"));
    }
    Ok(url)
}

pub(super) async fn send(call: Call, allow: &[Net], names: &Names) -> Result<()> {
    if call.body.len() > MOST_BODY {
        return Err(Problem::new(
            Kind::TooLarge,
            "the notification is too long to be sent",
        ));
    }
    let place = place(&call.url)?;
    match tokio::time::timeout(WHOLE, attempt(call, &place, allow, names)).await {
        Ok(result) => result,
        Err(_) => Err(unavailable(&place, "no answer within ten seconds")),
    }
}

fn place(url: &Url) -> Result<Place> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match url.port_or_known_default() {
        Some(port) if !host.is_empty() => Ok(Place {
            host: host.to_owned(),
            port,
        }),
        _ => Err(Problem::invalid("the address to call names no host")),
    }
}

async fn attempt(call: Call, place: &Place, allow: &[Net], names: &Names) -> Result<()> {
    let addresses = lookup(place, names).await?;
    for address in &addresses {
        if let Some(why) = refusal(address.ip(), allow) {
            return Err(refused(place, *address, why));
        }
    }
    let mut request = client(place, &addresses)?.post(call.url).body(call.body);
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => judge(place, answer.status()),
        Err(error) => Err(unavailable(place, &cause(&error)).caused_by(error.without_url())),
    }
}

async fn lookup(place: &Place, names: &Names) -> Result<Vec<SocketAddr>> {
    let at = |address: IpAddr| SocketAddr::new(address, place.port);
    if let Ok(address) = place.host.parse::<IpAddr>() {
        return Ok(vec![at(address)]);
    }
    let found: Vec<SocketAddr> = match names {
        Names::Given(given) => given
            .get(&place.host)
            .map(|addresses| addresses.iter().copied().map(at).collect())
            .unwrap_or_default(),
        Names::System => tokio::net::lookup_host((place.host.as_str(), place.port))
            .await
            .map_err(|error| unavailable(place, "its name cannot be looked up").caused_by(error))?
            .collect(),
    };
    if found.is_empty() {
        return Err(unavailable(place, "its name has no address"));
    }
    Ok(found)
}

fn client(place: &Place, addresses: &[SocketAddr]) -> Result<Client> {
    // Fails when one is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .timeout(WHOLE)
        .pool_max_idle_per_host(0)
        .resolve_to_addrs(&place.host, addresses)
        .user_agent(concat!("Cairn/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Problem::internal("no HTTP client can be made").caused_by(error))
}

fn judge(place: &Place, status: StatusCode) -> Result<()> {
    let Place { host, port } = place;
    let code = status.as_u16();
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        let message =
            format!("{host}:{port} sends the notification elsewhere ({code}), which is not followed");
        return Err(Problem::new(Kind::Refused, message).hint("configure the address that it leads to"));
    }
    let kind = match code {
        401 | 403 => Kind::Refused,
        404 | 410 => Kind::NotFound,
        408 | 425 | 429 => Kind::TooMany,
        500..=599 => Kind::Unavailable,
        _ => Kind::Invalid,
    };
    let hint = match kind {
        Kind::Refused => "check the secret of the channel",
        Kind::NotFound => "check the address of the channel",
        Kind::TooMany | Kind::Unavailable => "it is tried again later",
        _ => "the receiver does not understand the notification; is it of the right kind?",
    };
    Err(Problem::new(
        kind,
        format!("{host}:{port} answers the notification with {code}"),
    )
    .hint(hint))
}

fn refused(place: &Place, address: SocketAddr, why: &str) -> Problem {
    let message = format!("{} is not called: {} {why}", place.host, address.ip());
    Problem::new(Kind::Refused, message).hint(
        "call an address of the internet; a network of your own can be listed under `allow` of the channel",
    )
}

fn unavailable(place: &Place, why: &str) -> Problem {
    let message = format!(
        "{}:{} does not take the notification: {why}",
        place.host, place.port
    );
    Problem::new(Kind::Unavailable, message).hint("check the address; it is tried again later")
}

/// The innermost words: the outer ones hold the whole address, or say nothing.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: Option<&dyn std::error::Error> = std::error::Error::source(error);
    let mut words = "the call failed".to_owned();
    while let Some(next) = inner {
        words = next.to_string();
        inner = next.source();
    }
    words
}
