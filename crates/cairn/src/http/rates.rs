//! How often one may ask: so many requests a minute for each person, or address when nobody has shown who they are.
//!
//! Rules: whoever is known by a token or a session that is valid is counted as that person, with however many tokens; everybody else, with whatever
//! they have made up, by where they are (of IPv6 the network of 64 bits). The table has a fixed size and is never searched through: a key
//! has a few places where it may stand; when all are taken, whoever has asked least there is forgotten. Health checks are not counted. Where
//! there is no limit, nothing is.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::PersonId;

const WINDOW_MS: i64 = 60_000;
/// Shelves, and how many keys stand on each.
const SHELVES: usize = 8_192;
const WIDTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Person(PersonId),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    key: Key,
    begin_ms: i64,
    count: u32,
}

#[derive(Debug)]
pub(crate) struct Rates {
    seen: Mutex<Vec<[Option<Seen>; WIDTH]>>,
    hasher: RandomState,
    /// 0: no limit.
    pub(super) most: u32,
}

/// What is left of the window.
pub(super) struct Left {
    pub(super) remaining: Option<u32>,
    pub(super) seconds: i64,
}

impl Rates {
    pub(crate) fn new(most: u32) -> Self {
        let shelves = if most == 0 { 0 } else { SHELVES };
        Rates {
            seen: Mutex::new(vec![[None; WIDTH]; shelves]),
            hasher: RandomState::new(),
            most,
        }
    }

    pub(super) fn count(&self, key: Key, now_ms: i64) -> Left {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(self.hasher.hash_one(key) % SHELVES as u64).unwrap_or(0);
        let is_now = |seen: &Seen| (0..WINDOW_MS).contains(&(now_ms - seen.begin_ms));
        let new = Seen {
            key,
            begin_ms: now_ms,
            count: 0,
        };
        let mut counted = new;
        if let Some(shelf) = seen.get_mut(at) {
            let place = place_on(shelf, key, is_now);
            let entry = shelf[place].get_or_insert(new);
            if entry.key != key || !is_now(entry) {
                *entry = new;
            }
            entry.count = entry.count.saturating_add(1);
            counted = *entry;
        }
        Left {
            remaining: self.most.checked_sub(counted.count),
            seconds: (counted.begin_ms + WINDOW_MS - now_ms + 999) / 1000,
        }
    }
}

/// Where the key stands, or may stand: where nobody does any more, or whoever has asked least.
fn place_on(shelf: &[Option<Seen>; WIDTH], key: Key, is_now: impl Fn(&Seen) -> bool) -> usize {
    let cost = |seen: &Option<Seen>| match seen {
        Some(seen) if seen.key == key => (0, 0),
        None => (1, 0),
        Some(seen) if !is_now(seen) => (1, 0),
        Some(seen) => (2, seen.count),
    };
    let costs = shelf.iter().map(cost).enumerate();
    costs.min_by_key(|(_, cost)| *cost).map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Key {
        Key::Address(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn each_key_has_its_own_window() {
        let rates = Rates::new(2);
        let (one, other) = (address(1), address(2));
        assert_eq!(rates.count(one, 0).remaining, Some(1));
        assert_eq!(rates.count(one, 1).remaining, Some(0));
        assert_eq!(rates.count(one, 2).remaining, None);
        assert_eq!(rates.count(other, 2).remaining, Some(1));
        assert_eq!(rates.count(one, WINDOW_MS).remaining, Some(1), "a new minute");
        assert_eq!(
            rates.count(one, 5).remaining,
            Some(1),
            "a clock that was set back"
        );
    }

    #[test]
    fn a_hundred_thousand_addresses_push_nobody_out_who_asks_much_and_take_no_more_room() {
        let rates = Rates::new(10);
        for _ in 0..10 {
            rates.count(address(0), 0);
        }
        for number in 1..=100_000 {
            rates.count(address(number), 1);
        }
        assert_eq!(rates.count(address(0), 2).remaining, None);
        assert_eq!(rates.seen.lock().unwrap().len(), SHELVES);
    }
}
