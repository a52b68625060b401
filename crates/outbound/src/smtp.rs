//! A mail server, and sending one letter through it.
//!
//! Rules: the connection is sealed (TLS at once, or STARTTLS and never less); unsealed only to this very machine. The
//! password goes nowhere but into the log-in. One attempt takes half a minute at most. What the server says for good is
//! told apart from what may be different later.

use std::path::PathBuf;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Tokio1Executor};
use model::{Kind, Problem, Result};
use serde::{Deserialize, Serialize};

use super::{Letter, Secret};

const STEP: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Port 587 unless said otherwise.
    #[default]
    StartTls,
    /// Port 465 unless said otherwise.
    Tls,
    /// Only to this machine. Port 25 unless said otherwise.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: String,
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub security: Security,
    #[serde(default)]
    pub user: Option<String>,
    /// A secret.
    #[serde(default)]
    pub password: Option<Secret>,
    /// `Cairn <backups@example.org>`
    pub from: String,
    /// A certificate (PEM) that is trusted besides those of the web.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
}

impl Smtp {
    /// Keys whose values are secrets.
    pub const SECRETS: &'static [&'static str] = &["password"];

    /// Reads settings; problems name the key.
    pub fn from_json(value: serde_json::Value) -> Result<Self> {
        model::from_json("the mail server", value)
    }

    /// Sends one letter: one attempt.
    pub async fn send(&self, letter: &Letter) -> Result<()> {
        let message = letter.message(Some(&self.from))?;
        let transport = self.transport()?;
        match tokio::time::timeout(WHOLE, transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(trouble(self, error)),
            Err(_) => Err(unavailable(self, "it takes too long")),
        }
    }

    fn is_this_machine(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::StartTls => 587,
            Security::Tls => 465,
            Security::None => 25,
        })
    }

    fn tls(&self) -> Result<Tls> {
        if self.security == Security::None {
            return self.unsealed();
        }
        let mut parameters = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.certificate {
            let pem = std::fs::read(path)
                .map_err(|error| Problem::io(format_args!("reading {}", path.display()), error))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| {
                Problem::invalid(format!("{} is no certificate in PEM", path.display())).caused_by(error)
            })?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = parameters
            .build()
            .map_err(|error| Problem::invalid(format!("TLS to {}: {error}", self.host)))?;
        Ok(match self.security {
            Security::Tls => Tls::Wrapper(parameters),
            _ => Tls::Required(parameters),
        })
    }

    fn unsealed(&self) -> Result<Tls> {
        if self.is_this_machine() {
            return Ok(Tls::None);
        }
        let message = format!("mail to {} would go unsealed over the network", self.host);
        Err(Problem::new(Kind::Refused, message)
            .hint("set security to starttls or tls; none is for a mail server on this machine"))
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.host.clone())
            .port(self.port())
            .tls(self.tls()?)
            .timeout(Some(STEP));
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(builder.build())
    }
}

fn trouble(smtp: &Smtp, error: smtp::Error) -> Problem {
    if error.is_permanent() {
        let message = format!(
            "the mail server {} refuses the letter: {}",
            smtp.host,
            cause(&error)
        );
        return Problem::new(Kind::Refused, message)
            .hint("check user, password, sender and addressee")
            .caused_by(error);
    }
    unavailable(smtp, &cause(&error)).caused_by(error)
}

fn unavailable(smtp: &Smtp, why: &str) -> Problem {
    let message = format!(
        "the mail server {}:{} does not take the letter: {why}",
        smtp.host,
        smtp.port()
    );
    Problem::new(Kind::Unavailable, message)
        .hint("check host, port and security of the mail server; it is tried again later")
}

/// The innermost words: lettre's own say only that there was an error.
fn cause(error: &smtp::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
