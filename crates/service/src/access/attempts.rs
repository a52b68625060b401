//! How often somebody may try to get in, or to answer a request: the one rule for every place at which a secret is judged.
//!
//! Nouns: a *place* is an address, of IPv6 the network of 64 bits; it is *known* to a person who has come in from there lately. An *attempt* is
//! what was counted for one try, under one or more keys.
//! Rules: an attempt is counted, and closes the door when it is one too many, before anything is judged, in one statement. It is given back when
//! everything was right (with the password alone nothing is), and when nothing was judged; it lifts no lock that another one has set. From some
//! number on each wrong one closes the door for twice as long, up to a bound, so nobody is shut out for good.
//! Whoever logs in is counted by place, and by name at that place. From a place that is not known to the person it is counted, too, how often
//! *strangers* have tried that name, wherever they are: so many machines together get no more guesses than that budget gives. It does not bind
//! known places: strangers cannot shut a person out from where they have come in before, or where a session of theirs is in use.
//! Names that nobody has are counted like all others. What is quiet for a day is forgotten; a place is known for 90 days.

use std::net::IpAddr;

use catalog::attempts::Bound;
use model::{Kind, Lapse, Problem, Result, counted};

use crate::Service;

const DAY: Lapse = Lapse::days(1);
const KNOWN: Lapse = Lapse::days(90);
const MINUTE_MS: i64 = 60_000;

/// Free attempts under a name at a place, of a proof, and at an approval.
const FEW: i64 = 5;
/// Free attempts of one place, whatever the names.
const OF_A_PLACE: i64 = 20;
/// Free attempts under a name from all places together that are not known to the person.
const OF_STRANGERS: i64 = 50;

/// What is counted: a name, a request, or where somebody is.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    key: String,
    bound: Bound,
}

/// What was counted for one try.
#[derive(Debug, Default)]
#[must_use = "what was right, or was not judged, is given back"]
pub(crate) struct Attempt(Vec<Reserved>);

#[derive(Debug)]
struct Reserved {
    key: String,
    until: i64,
}

/// Of IPv6, the network of 64 bits: one customer has all of it.
pub(crate) fn place(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => clean(address),
    }
}

/// What was typed, as a part of a key.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// No name contains a line break.
fn under_name(folded: &str) -> String {
    format!("name:{}\n", clean(folded))
}

impl Tried {
    fn new(key: String, free: i64, longest_minutes: i64) -> Self {
        let bound = Bound {
            free,
            first_ms: 30_000,
            longest_ms: longest_minutes * MINUTE_MS,
            forget_ms: DAY.ms(),
        };
        Tried { key, bound }
    }

    fn name(folded: &str, place: &str) -> Self {
        Tried::new(format!("{}{place}", under_name(folded)), FEW, 15)
    }

    fn strangers(folded: &str) -> Self {
        Tried::new(format!("strangers:{}", clean(folded)), OF_STRANGERS, 15)
    }

    /// Of somebody who is signed in: that it is really they.
    pub(crate) fn proof(person: &str) -> Self {
        Tried::new(format!("proof:{person}"), FEW, 15)
    }

    /// Answers to one request.
    pub(crate) fn approval(id: &str) -> Self {
        Tried::new(format!("approval:{id}"), FEW, 15)
    }

    pub(crate) fn address(address: &str) -> Self {
        Tried::new(format!("address:{}", place(address)), OF_A_PLACE, 60)
    }
}

impl Service {
    /// Counts one try under all of these, or refuses it. The first is the most particular: `succeeded` forgets it.
    pub(crate) async fn reserve_attempt(&self, tried: &[Tried]) -> Result<Attempt> {
        let mut attempt = Attempt::default();
        for one in tried {
            let now = self.now_ms();
            match self.catalog.reserve_attempt(&one.key, now, one.bound).await {
                Ok(Some(counted)) => attempt.0.push(Reserved {
                    key: one.key.clone(),
                    until: counted.until,
                }),
                Ok(None) => {
                    self.give_back(attempt).await?;
                    return Err(self.closed(&one.key).await?);
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok(attempt)
    }

    /// Counts one try to log in.
    pub(crate) async fn reserve_log_in(&self, folded: &str) -> Result<Attempt> {
        let place = place(self.caller.address());
        let mut tried = vec![Tried::name(folded, &place), Tried::address(self.caller.address())];
        let since = self.now_ms() - KNOWN.ms();
        if !self.catalog.is_known_place(folded, &place, since).await? {
            tried.push(Tried::strangers(folded));
        }
        self.reserve_attempt(&tried).await
    }

    /// Counts one try of somebody who is elsewhere; on the machine itself nothing is guessed.
    pub(crate) async fn reserve_from_afar(&self) -> Result<Attempt> {
        let address = self.caller.address();
        if address.is_empty() {
            return Ok(Attempt::default());
        }
        self.reserve_attempt(&[Tried::address(address)]).await
    }

    async fn closed(&self, key: &str) -> Result<Problem> {
        let until = self.catalog.locked_until(key).await?;
        let seconds = u64::try_from((until - self.now_ms() + 999) / 1000).unwrap_or(0);
        let wait = counted(seconds.max(1), "second", "seconds");
        let problem = Problem::new(Kind::TooMany, "too many wrong attempts");
        Ok(problem.hint(format!("wait {wait}, then try again")))
    }

    /// Nothing was judged: this one try does not count.
    pub(crate) async fn give_back(&self, attempt: Attempt) -> Result<()> {
        for one in attempt.0 {
            self.catalog.give_attempts_back(&one.key, one.until, 1).await?;
        }
        Ok(())
    }

    /// Everything was right: what was typed wrong before by the same person at the same place is forgiven everywhere it was counted.
    pub(crate) async fn succeeded(&self, attempt: Attempt) -> Result<()> {
        let mut reserved = attempt.0.into_iter();
        let Some(own) = reserved.next() else {
            return Ok(());
        };
        let count = self.catalog.forget_attempts(&own.key).await?.max(1);
        for one in reserved {
            self.catalog
                .give_attempts_back(&one.key, one.until, count)
                .await?;
        }
        Ok(())
    }

    /// The person has come in from where the caller is.
    pub(crate) async fn know_place(&self, person: &str) -> Result<()> {
        let place = place(self.caller.address());
        self.catalog.know_place(person, &place, self.now_ms()).await
    }

    /// Whoever got a new password starts anew, wherever they are.
    pub(crate) async fn forget_attempts_at(&self, folded: &str) -> Result<()> {
        self.catalog.forget_attempts_under(&under_name(folded)).await?;
        self.catalog
            .forget_attempts(&Tried::strangers(folded).key)
            .await
            .map(|_| ())
    }

    pub(crate) async fn forget_old_attempts(&self, now: i64) -> Result<()> {
        self.catalog.forget_old_attempts(now - DAY.ms()).await?;
        self.catalog.forget_old_places(now - KNOWN.ms()).await
    }
}
