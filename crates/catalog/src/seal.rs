//! Secrets in the catalog, sealed with a key that lies beside it and not in it.
//!
//! XChaCha20-Poly1305 with a random nonce; what the secret belongs to is bound in, so that a sealed value cannot be moved to another
//! row. As text: `v1:` and hexadecimal digits.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use model::{Kind, Problem, Random, Result};
use zeroize::Zeroizing;

const NONCE: usize = 24;
const PREFIX: &str = "v1:";

/// Seals and opens secrets.
pub struct Sealer(XChaCha20Poly1305);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// From 64 hexadecimal digits.
    pub fn new(key: &str) -> Result<Self> {
        let wrong =
            || Problem::invalid("the key that seals the catalog's secrets must have 64 hexadecimal digits");
        let bytes = Zeroizing::new(hex::decode(key.trim()).map_err(|_| wrong())?);
        XChaCha20Poly1305::new_from_slice(&bytes)
            .map(Sealer)
            .map_err(|_| wrong())
    }

    /// `place` names table, row and column.
    pub fn seal(&self, secret: &str, place: &str, random: &dyn Random) -> Result<String> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Problem::internal("a secret could not be sealed"))?;
        Ok(format!("{PREFIX}{}{}", hex::encode(nonce), hex::encode(sealed)))
    }

    pub fn open(&self, sealed: &str, place: &str) -> Result<Zeroizing<String>> {
        let wrong = || {
            Problem::new(
                Kind::Refused,
                format!("the secret of {place} does not open with the key in the data directory"),
            )
            .hint("put back the key file that was there when the secret was stored, or store the secret anew")
        };
        let bytes = sealed
            .strip_prefix(PREFIX)
            .and_then(|text| hex::decode(text).ok())
            .ok_or_else(wrong)?;
        let (nonce, cipher) = bytes.split_at_checked(NONCE).ok_or_else(wrong)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| wrong())?;
        let opened = self
            .0
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: cipher,
                    aad: place.as_bytes(),
                },
            )
            .map_err(|_| wrong())?;
        String::from_utf8(opened).map(Zeroizing::new).map_err(|_| wrong())
    }
}
