//! Who is at the door: how many connections there are, in total and from one place, and where each came in.
//!
//! Rules: a connection is an open file, and jobs need some, too; so connections have at most half of those that the process may open, and never
//! more than a fixed number. One place (an address, of IPv6 the network of 64 bits) has at most a quarter of them. A proxy that is
//! trusted speaks for many, so only the total binds it. Who is one too many is told so, and the connection is closed at once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};

/// However many files the process may open.
const MOST: usize = 8_192;

/// Of IPv6, the network of 64 bits: one customer has all of it.
pub(super) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

#[derive(Debug)]
pub(super) struct Guests {
    most: usize,
    of_one_place: usize,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    /// Whoever holds the other end, and where they came in.
    connections: HashMap<SocketAddr, SocketAddr>,
    places: HashMap<IpAddr, usize>,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    House,
    Place,
}

/// A connection, for as long as it lives.
#[derive(Debug)]
pub(super) struct Guest {
    guests: Arc<Guests>,
    from: SocketAddr,
}

/// Half of the files that the process may open.
fn half_of_the_files() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    (files / 2).clamp(1, MOST)
}

impl Guests {
    /// As many as are wanted, or as many as the process can bear.
    pub(super) fn new(wanted: Option<usize>) -> Arc<Self> {
        let bearable = half_of_the_files();
        let most = wanted.unwrap_or(bearable).clamp(1, bearable);
        Arc::new(Guests {
            most,
            of_one_place: (most / 4).max(1),
            present: Mutex::default(),
        })
    }

    pub(super) fn enter(
        self: &Arc<Self>,
        from: SocketAddr,
        here: SocketAddr,
        speaks_for_many: bool,
    ) -> Result<Guest, Full> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.connections.len() >= self.most {
            return Err(Full::House);
        }
        let count = present.places.entry(place(from.ip())).or_insert(0);
        if *count >= self.of_one_place && !speaks_for_many {
            return Err(Full::Place);
        }
        *count += 1;
        present.connections.insert(from, here);
        Ok(Guest {
            guests: Arc::clone(self),
            from,
        })
    }

    /// The address of ours at which this connection came in.
    pub(super) fn came_in_at(&self, from: SocketAddr) -> Option<SocketAddr> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.connections.get(&from).copied()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut present = self.guests.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.connections.remove(&self.from);
        let place = place(self.from.ip());
        if let Some(count) = present.places.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                present.places.remove(&place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_place_has_a_quarter_of_the_connections_and_all_together_have_no_more_than_there_are() {
        let guests = Guests::new(Some(8));
        let here = from("192.0.2.1:8080");
        let enter = |text: &str, many| guests.enter(from(text), here, many);
        let first = enter("[2001:db8::1]:1", false).unwrap();
        let _second = enter("[2001:db8::2]:1", false).unwrap();
        assert_eq!(
            enter("[2001:db8::3]:1", false).unwrap_err(),
            Full::Place,
            "the same network"
        );
        drop(first);
        let _first = enter("[2001:db8::3]:1", false).unwrap();
        assert_eq!(guests.came_in_at(from("[2001:db8::3]:1")), Some(here));
        let proxied: Vec<_> = (1..=6)
            .map(|port| enter(&format!("192.0.2.7:{port}"), true).unwrap())
            .collect();
        assert_eq!(enter("192.0.2.8:1", false).unwrap_err(), Full::House);
        drop(proxied);
        enter("192.0.2.8:1", false).unwrap();
        let present = guests.present.lock().unwrap();
        assert_eq!(
            (present.connections.len(), present.places.len()),
            (2, 1),
            "nothing is left of who is gone"
        );
    }
}
