//! Key files: the master key, sealed with a key that scrypt makes of a password.
//!
//! Rules: the parameters of a foreign file are bounded before they are run; a checksum that does not match means a wrong password,
//! anything else that is wrong with the file is damage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Problem, Result};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::seal::{self, Key, OVERHEAD};

/// What deriving one key may take.
const MOST_MEMORY: u64 = (1 << 30) + (1 << 20);
/// Bytes that are mixed: some ten seconds.
const MOST_WORK: u64 = 1 << 33;

/// scrypt's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub n: u64,
    pub r: u64,
    pub p: u64,
}

impl Cost {
    /// For passwords of 256 random bits: guessing is hopeless at any cost.
    pub const GENERATED: Cost = Cost {
        n: 1 << 10,
        r: 8,
        p: 1,
    };
    /// For passwords that people choose: restic's usual cost.
    pub const HUMAN: Cost = Cost {
        n: 1 << 15,
        r: 8,
        p: 6,
    };

    /// Memory and work must stay within what a small machine can do, whoever wrote the file.
    fn check(self) -> Result<scrypt::Params> {
        let Cost { n, r, p } = self;
        let table = 128_u64.saturating_mul(n).saturating_mul(r);
        let blocks = 128_u64.saturating_mul(p).saturating_mul(r);
        let affordable = table.saturating_add(blocks) <= MOST_MEMORY && table.saturating_mul(p) <= MOST_WORK;
        let sane = n.is_power_of_two() && n >= 2 && r >= 1 && p >= 1 && affordable;
        let params = sane
            .then(|| scrypt::Params::new(n.trailing_zeros() as u8, r as u32, p as u32).ok())
            .flatten();
        params.ok_or_else(|| {
            Problem::damaged(format!(
                "a key file demands impossible scrypt parameters (N={n}, r={r}, p={p})"
            ))
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyFile {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    pub kdf: String,
    #[serde(rename = "N")]
    pub n: u64,
    pub r: u64,
    pub p: u64,
    pub salt: String,
    pub data: String,
}

impl KeyFile {
    /// Seals a master key with a password.
    pub fn create(
        master: &Key,
        password: &str,
        cost: Cost,
        created: String,
        hostname: String,
    ) -> Result<Self> {
        let mut salt = [0; 64];
        seal::random(&mut salt);
        let user = derive(password, &salt, cost)?;
        Ok(KeyFile {
            created,
            username: "cairn".to_owned(),
            hostname,
            kdf: "scrypt".to_owned(),
            n: cost.n,
            r: cost.r,
            p: cost.p,
            salt: STANDARD.encode(salt),
            data: STANDARD.encode(user.seal(&master.to_json())),
        })
    }

    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always serialise")
    }

    pub fn decode(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json)
            .map_err(|error| Problem::damaged("a key file is malformed").caused_by(error))
    }

    /// The master key, or `None` when the password is another one.
    pub fn open(&self, password: &str) -> Result<Option<Key>> {
        if self.kdf != "scrypt" {
            return Err(
                Problem::damaged(format!("a key file uses “{}” instead of scrypt", self.kdf)).hint(
                    "only scrypt key files belong into the folder `keys`; move the other one elsewhere",
                ),
            );
        }
        let malformed = || Problem::damaged("a key file is malformed: salt or data");
        let salt = STANDARD.decode(&self.salt).map_err(|_| malformed())?;
        let data = STANDARD.decode(&self.data).map_err(|_| malformed())?;
        if salt.len() != 64 || data.len() < OVERHEAD {
            return Err(malformed());
        }
        let user = derive(
            password,
            &salt,
            Cost {
                n: self.n,
                r: self.r,
                p: self.p,
            },
        )?;
        match user.open(&data) {
            Ok(json) => Key::from_json(&Zeroizing::new(json)).map(Some),
            Err(_) => Ok(None),
        }
    }
}

fn derive(password: &str, salt: &[u8], cost: Cost) -> Result<Key> {
    let params = cost.check()?;
    let mut bytes = Zeroizing::new([0; 64]);
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut bytes[..])
        .map_err(|error| Problem::internal(format!("scrypt: {error}")))?;
    Ok(Key::from_bytes(*bytes))
}
