//! One HTTP request and its answer, cut to what is worth reading.

use model::{Kind, Problem, Result};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};

use super::patience::Patience;
use super::secret::Secret;

/// Longer answers are cut.
const LONGEST_ANSWER: usize = 64 << 10;

pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) bearer: Option<&'a Secret>,
    pub(crate) body: Option<serde_json::Value>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Refuses what is no address of a web server, and one with a secret in it.
pub(crate) fn address(text: &str) -> Result<Url> {
    // The text itself is not repeated: it may hold a secret.
    let url = Url::parse(text).map_err(|_| {
        Problem::invalid("this is no address of a web server").hint("write it like https://panel.example.org")
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(
            Problem::invalid(format!("{}: is no address of a web server", url.scheme()))
                .hint("write it like https://panel.example.org"),
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::invalid(format!(
            "the address of {} has a name or password in it",
            place(&url)
        ))
        .hint("keep secrets in a file or a variable, and name that as secret"));
    }
    Ok(url)
}

/// How an address is called in texts: without its path, which may hold a secret.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl Call<'_> {
    pub(crate) fn send(self, patience: &Patience) -> Result<Answer> {
        let place = place(&self.url);
        let unanswered = |error: reqwest::Error| {
            let hint = "check the address, and that it can be reached from here";
            Problem::new(Kind::Unavailable, format!("{place} does not answer"))
                .hint(hint)
                .caused_by(error.without_url())
        };
        // Somebody else may have chosen already; then that holds.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .build()
            .map_err(unanswered)?;
        let mut request = client
            .request(self.method, self.url)
            .header("accept", "application/json");
        if let Some(secret) = self.bearer {
            request = request.bearer_auth(secret.reveal());
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        patience.wait(&format!("the answer of {place}"), async move {
            let mut response = request.send().await.map_err(unanswered)?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while body.len() < LONGEST_ANSWER
                && let Some(piece) = response.chunk().await.map_err(unanswered)?
            {
                body.extend_from_slice(&piece);
            }
            Ok(Answer { status, body })
        })
    }
}
