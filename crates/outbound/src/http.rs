//! The one HTTP client: one call and its answer, cut to what is worth reading.
//!
//! Nouns: a *reach* says which addresses a call may go to. Whoever may change the machine anyway (hooks, guards) calls anywhere; what others
//! can configure goes to the open internet and to networks that are allowed by name.
//!
//! Rules: a name is looked up once; within a limited reach every address that comes back is judged, a single bad one spoils the call, and just
//! those addresses are called, so that a second look-up cannot say something else. Redirects are never followed and proxies never asked
//! within a limited reach. Problems name host and port alone: the path of an address may be the secret.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use model::{Kind, Problem, Result};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
pub use reqwest::{Method, Url};

use super::judge::{Net, refusal};
use super::{Patience, Secret};

/// Longer answers are cut.
const LONGEST_ANSWER: usize = 64 << 10;

/// Where names are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    #[default]
    System,
    /// These and no others.
    Given(BTreeMap<String, Vec<IpAddr>>),
}

/// Which addresses a call may go to.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    Anywhere,
    /// The open internet, and these networks of one's own.
    Open {
        allow: &'a [Net],
        names: &'a Names,
    },
}

#[derive(Debug)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub bearer: Option<Secret>,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The call goes to an address that is not allowed.
    Refused(Problem),
    /// In words, and the cause.
    Failed(String, Option<reqwest::Error>),
}

/// Host and port, for texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    host: String,
    port: u16,
    has_own_port: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_own_port {
            return write!(f, "{}:{}", self.host, self.port);
        }
        f.write_str(&self.host)
    }
}

impl Place {
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        Place {
            host: host.to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            has_own_port: url.port().is_some(),
        }
    }

    /// Host and port, also when the port is the usual one.
    pub fn with_port(&self) -> String {
        format!("{}:{}", self.name(), self.port)
    }

    fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Refuses what is no address of a web server, and one with a secret in it.
pub fn address(text: &str) -> Result<Url> {
    // The text itself is not repeated: it may hold a secret.
    const LIKE: &str = "write it like https://panel.example.org";
    let url =
        Url::parse(text).map_err(|_| Problem::invalid("this is no address of a web server").hint(LIKE))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        let message = format!("{}: is no address of a web server", url.scheme());
        return Err(Problem::invalid(message).hint(LIKE));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = format!("the address of {} has a name or password in it", Place::of(&url));
        return Err(
            Problem::invalid(message).hint("keep secrets in a file or a variable, and name that as secret")
        );
    }
    Ok(url)
}

impl Call {
    /// JSON goes out, where there is any, and comes back.
    pub fn json(method: Method, url: Url, bearer: Option<Secret>, body: Option<&serde_json::Value>) -> Self {
        let mut headers = vec![("accept", "application/json".to_owned())];
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        Call {
            method,
            url,
            headers,
            bearer,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        }
    }

    /// Sends it to whatever address its settings name, and waits for the answer. Not to be called where futures are being driven.
    pub fn send_anywhere(self, patience: &Patience) -> Result<Answer> {
        let place = Place::of(&self.url);
        patience.wait(&format!("the answer of {place}"), async {
            self.send(Reach::Anywhere).await.map_err(|unanswered| {
                let problem = Problem::new(Kind::Unavailable, format!("{place} does not answer"))
                    .hint("check the address, and that it can be reached from here");
                match unanswered {
                    Unanswered::Refused(problem) => problem,
                    Unanswered::Failed(_, Some(error)) => problem.caused_by(error),
                    Unanswered::Failed(..) => problem,
                }
            })
        })
    }

    /// Sends it and reads the answer. Whoever calls limits the time.
    pub async fn send(self, reach: Reach<'_>) -> std::result::Result<Answer, Unanswered> {
        let mut request = client(&self.url, reach)
            .await?
            .request(self.method, self.url)
            .body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = &self.bearer {
            request = request.bearer_auth(secret.reveal());
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() < LONGEST_ANSWER
            && let Some(piece) = response.chunk().await.map_err(failed)?
        {
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, body })
    }
}

async fn client(url: &Url, reach: Reach<'_>) -> std::result::Result<Client, Unanswered> {
    // Fails when one is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("Cairn/", env!("CARGO_PKG_VERSION")));
    let builder = match reach {
        Reach::Anywhere => builder,
        Reach::Open { allow, names } => limited(builder, &Place::of(url), allow, names).await?,
    };
    builder.build().map_err(failed)
}

/// A client that calls those addresses of the host that were judged, and no others.
async fn limited(
    builder: ClientBuilder,
    place: &Place,
    allow: &[Net],
    names: &Names,
) -> std::result::Result<ClientBuilder, Unanswered> {
    let addresses = lookup(place, names).await?;
    for address in &addresses {
        if let Some(why) = refusal(address.ip(), allow) {
            return Err(Unanswered::Refused(refused(place, *address, why)));
        }
    }
    Ok(builder.no_proxy().resolve_to_addrs(place.name(), &addresses))
}

async fn lookup(place: &Place, names: &Names) -> std::result::Result<Vec<SocketAddr>, Unanswered> {
    let at = |address: IpAddr| SocketAddr::new(address, place.port);
    let nothing = |why: &str| Unanswered::Failed(why.to_owned(), None);
    if let Ok(address) = place.name().parse::<IpAddr>() {
        return Ok(vec![at(address)]);
    }
    let found: Vec<SocketAddr> = match names {
        Names::Given(given) => {
            let known = given.get(place.name());
            known.into_iter().flatten().copied().map(at).collect()
        }
        Names::System => tokio::net::lookup_host((place.name(), place.port))
            .await
            .map_err(|_| nothing("its name cannot be looked up"))?
            .collect(),
    };
    if found.is_empty() {
        return Err(nothing("its name has no address"));
    }
    Ok(found)
}

fn refused(place: &Place, address: SocketAddr, why: &str) -> Problem {
    let message = format!("{} is not called: {} {why}", place.name(), address.ip());
    Problem::new(Kind::Refused, message).hint(
        "call an address of the internet; a network of your own can be listed under `allow` of the channel",
    )
}

/// With the innermost words: the outer ones hold the whole address, or say nothing.
fn failed(error: reqwest::Error) -> Unanswered {
    let mut inner: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    let mut words = "the call failed".to_owned();
    while let Some(next) = inner {
        words = next.to_string();
        inner = next.source();
    }
    Unanswered::Failed(words, Some(error.without_url()))
}
