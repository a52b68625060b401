//! Passwords: hashed with Argon2id, compared so that time tells nothing.
//!
//! Rules: a name that nobody has costs the same hash as one that somebody has; a hash is computed on a thread of its own, and only a few at
//! once, since each takes 19 MiB; some more wait for their turn, and who comes after them is refused. Parameters are those that OWASP names first; they stand in every hash, so that they can change.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use model::{Kind, Problem, Result};

use crate::Service;

/// Hashes at once.
pub(crate) const AT_ONCE: usize = 2;
/// Those under way, and those that wait.
pub(crate) const SEATS: usize = 32;
const SHORTEST: usize = 8;
/// In bytes; longer ones only cost time.
const LONGEST: usize = 1_024;
const SALT: usize = 16;

fn check(password: &str) -> Result<()> {
    let wrong =
        |why: &str| Err(Problem::invalid(why).hint("several words are easier to remember than signs"));
    if password.chars().count() < SHORTEST {
        return wrong("a password has at least 8 characters");
    }
    if password.len() > LONGEST {
        return wrong("a password has at most 1024 bytes");
    }
    Ok(())
}

fn hash(password: &str, salt: [u8; SALT]) -> Result<String> {
    let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| Problem::internal(format!("a password cannot be hashed: {error}")))
}

fn is_right(password: &str, hash: &str) -> bool {
    let hash = PasswordHash::new(hash);
    hash.is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

impl Service {
    /// Checks that it can be a password, and hashes it.
    pub(crate) async fn hash_password(&self, password: &str) -> Result<String> {
        check(password)?;
        let mut salt = [0; SALT];
        self.options.random.fill(&mut salt)?;
        let password = password.to_owned();
        self.hashing(move || hash(&password, salt)).await
    }

    /// Is it the password? Without one to compare with, the same work is done for nothing.
    pub(crate) async fn is_password(&self, password: &str, stored: Option<&str>) -> Result<bool> {
        let fits = password.len() <= LONGEST;
        let password = if fits { password.to_owned() } else { String::new() };
        let stored = stored.map(str::to_owned);
        self.hashing(move || match stored {
            Some(stored) => Ok(is_right(&password, &stored) && fits),
            None => hash(&password, [0; SALT]).map(|_| false),
        })
        .await
    }

    /// How many passwords were hashed or compared since the start.
    pub fn passwords_hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let busy = |_| {
            Problem::new(
                Kind::TooMany,
                "as many passwords as possible are being judged already",
            )
            .hint("try again in a few seconds")
        };
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(busy)?;
        let turn = Arc::clone(&self.hashing).acquire_owned().await;
        let turn = turn.map_err(|_| Problem::internal("nobody hashes passwords any more"))?;
        self.hashed.fetch_add(1, Ordering::Relaxed);
        // Whoever asked may go away: the work goes on, and counts until it is done.
        self.blocking(move || {
            let _held = (seat, turn);
            work()
        })
        .await
    }
}
