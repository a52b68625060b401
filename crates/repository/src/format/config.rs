//! The file `config`: version, identity and chunker polynomial of a repository.
//!
//! Rules: sealed, never compressed; the polynomial must be irreducible or restic refuses to open; fields that are not known are
//! kept.

use model::{Kind, Problem, Result};
use serde::{Deserialize, Serialize};

use super::seal::{self, Key};
use crate::Id;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub version: u32,
    pub id: Id,
    pub chunker_polynomial: String,
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Config {
    /// A new repository's: version 2, random identity and polynomial.
    pub fn random() -> Self {
        let mut id = [0; 32];
        seal::random(&mut id);
        Config {
            version: 2,
            id: Id::from_bytes(id),
            chunker_polynomial: format!("{:x}", random_polynomial()),
            unknown: serde_json::Map::new(),
        }
    }

    pub fn encode(&self, key: &Key) -> Vec<u8> {
        key.seal(&serde_json::to_vec(self).expect("strings and numbers always serialise"))
    }

    pub fn decode(key: &Key, sealed: &[u8]) -> Result<Self> {
        let json = key
            .open(sealed)
            .map_err(|problem| problem.context("the repository's config"))?;
        let config: Config = serde_json::from_slice(&json)
            .map_err(|error| Problem::damaged("the repository's config is malformed").caused_by(error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if !(1..=2).contains(&self.version) {
            return Err(Problem::new(
                Kind::TooNew,
                format!(
                    "the repository has format version {}; 1 and 2 are known",
                    self.version
                ),
            )
            .hint("update Cairn; nothing was changed"));
        }
        match u64::from_str_radix(&self.chunker_polynomial, 16) {
            Ok(polynomial) if is_irreducible(polynomial) => Ok(()),
            _ => Err(Problem::damaged(format!(
                "the chunker polynomial {} in the config is not irreducible",
                self.chunker_polynomial
            ))
            .hint("restore the file `config` from a copy of the repository")),
        }
    }

    /// Does the repository refuse deletions (as rustic marks it)?
    pub fn is_append_only(&self) -> bool {
        self.unknown
            .get("append_only")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(false)
    }

    /// Is it only the hot half of a repository (as rustic marks it)?
    pub fn is_hot_half(&self) -> bool {
        self.unknown
            .get("is_hot")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(false)
    }
}

/// A random irreducible polynomial of degree 53 over GF(2).
fn random_polynomial() -> u64 {
    loop {
        let mut bytes = [0; 8];
        seal::random(&mut bytes);
        let candidate = u64::from_le_bytes(bytes) & ((1 << 53) - 1) | (1 << 53) | 1;
        if is_irreducible(candidate) {
            return candidate;
        }
    }
}

fn degree(polynomial: u64) -> i32 {
    63 - polynomial.leading_zeros() as i32
}

fn remainder(mut a: u128, modulus: u64) -> u64 {
    let wanted = degree(modulus);
    let modulus = u128::from(modulus);
    loop {
        let excess = 127 - a.leading_zeros() as i32 - wanted;
        if a == 0 || excess < 0 {
            return a as u64;
        }
        a ^= modulus << excess;
    }
}

fn square(a: u64, modulus: u64) -> u64 {
    let spread = (0..64)
        .filter(|bit| a >> bit & 1 == 1)
        .fold(0_u128, |sum, bit| sum | 1 << (2 * bit));
    remainder(spread, modulus)
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, remainder(u128::from(a), b));
    }
    a
}

/// Ben-Or's test.
pub(crate) fn is_irreducible(polynomial: u64) -> bool {
    if polynomial < 2 {
        return false;
    }
    let mut power = remainder(2, polynomial); // x
    (0..degree(polynomial) / 2).all(|_| {
        power = square(power, polynomial);
        common_divisor(polynomial, power ^ remainder(2, polynomial)) == 1
    })
}
