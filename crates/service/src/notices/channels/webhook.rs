//! Signed webhooks.
//!
//! Rules: the body is the notice as JSON. With a secret, `Cairn-Signature: t=…,v1=…` goes with it: `t` is the moment of
//! sending in seconds, `v1` the hex of HMAC-SHA256 under the secret over `t`, a full stop and the body. The receiver
//! recomputes it over the bytes as they came and refuses old moments. `Cairn-Delivery` is the notice's id.

use hmac::{Hmac, KeyInit, Mac};
use model::{Problem, Result};
use outbound::Secret;
use outbound::http::{Call, Method};
use sha2::Sha256;

use super::Notice;
use super::http::url;

pub(super) fn call(to: &str, secret: Option<&Secret>, notice: &Notice, now_ms: i64) -> Result<Call> {
    let body = serde_json::to_vec(&notice.to_json()).expect("a JSON value can be written");
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Cairn-Delivery", notice.id.to_string()),
    ];
    if let Some(secret) = secret {
        headers.push((
            "Cairn-Signature",
            signature(secret, now_ms.div_euclid(1_000), &body)?,
        ));
    }
    Ok(Call {
        method: Method::POST,
        url: url(to)?,
        bearer: None,
        headers,
        body,
    })
}

fn signature(secret: &Secret, seconds: i64, body: &[u8]) -> Result<String> {
    if secret.reveal().is_empty() {
        return Err(Problem::invalid("the secret that signs the webhook is empty")
            .hint("give a secret, or none at all for a webhook without signature"));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("a key of HMAC may have any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    Ok(format!(
        "t={seconds},v1={}",
        hex::encode(mac.finalize().into_bytes())
    ))
}
