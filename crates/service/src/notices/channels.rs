//! Telling people and programs what happened.
//!
//! Nouns: a *notice* says what happened to what, how bad it is and what to do; a *channel* is a way to somebody, with
//! its secrets; a *letter* is an e-mail; the *outbox* is a folder that keeps what no mail server takes.
//!
//! Rules: [`deliver`] is one attempt and returns what came of it; when to try again is said by [`next_retry`], what is
//! worth it by [`worth_retrying`], and who remembers that is the catalog. A test goes the same way as everything else.
//! Who is called over HTTP is looked up once, judged address by address and called at just those addresses; redirects
//! are not followed and proxies not asked. Problems name a host, never a whole address: its path may be the secret.

mod channel;
mod http;
mod notice;
mod outbox;
mod plain;
mod retry;
mod webhook;

use std::sync::Arc;

use model::{Clock, Result};
pub use outbound::http::Names;
pub use outbound::{Letter, Net, Secret, Security, Smtp};

pub use channel::Channel;
pub use notice::{Asks, Notice, Severity};
pub use outbox::{Kept, Outbox};
pub use retry::{next_retry, worth_retrying};

/// What deliveries are made with.
#[derive(Clone)]
pub struct Clients {
    pub clock: Arc<dyn Clock>,
    pub outbox: Outbox,
    /// Without one, letters go to the outbox.
    pub mail: Option<Smtp>,
    pub names: Names,
}

/// Where a notice is after a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Whom it was for has it, or whoever carries it there.
    Arrived,
    /// It lies in the outbox: nobody has been told yet.
    InOutbox,
}

/// Tries once to hand this notice to this channel.
pub async fn deliver(channel: &Channel, notice: &Notice, clients: &Clients) -> Result<Delivered> {
    let called = match channel {
        Channel::Outbox {} => {
            return clients.outbox.put_notice(notice).map(|()| Delivered::InOutbox);
        }
        Channel::Email { address } => return post(&notice.letter(address), clients).await,
        Channel::Webhook { url, secret, allow } => {
            let call = webhook::call(url, secret.as_ref(), notice, clients.clock.now_ms())?;
            http::send(call, allow, &clients.names).await
        }
        Channel::Ntfy { url, token, allow } => {
            let call = plain::ntfy(url, token.as_ref(), notice)?;
            http::send(call, allow, &clients.names).await
        }
        Channel::Healthcheck { url, allow } => {
            http::send(plain::healthcheck(url, notice)?, allow, &clients.names).await
        }
    };
    called.map(|()| Delivered::Arrived)
}

/// Tries once to send a letter; without a mail server it is laid into the outbox.
pub async fn post(letter: &Letter, clients: &Clients) -> Result<Delivered> {
    match &clients.mail {
        Some(smtp) => smtp.send(letter).await.map(|()| Delivered::Arrived),
        None => clients.outbox.put_letter(letter).map(|()| Delivered::InOutbox),
    }
}
