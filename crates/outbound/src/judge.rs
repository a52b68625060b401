//! Which addresses may be called.
//!
//! Rules: the open internet may be called. Networks of one's own (loopback, private, a provider's inner network) only
//! where the channel allows them by name of the network. Link-local addresses, where clouds answer with credentials,
//! and addresses that are nobody's are never called, whatever is allowed. An IPv6 address that carries an IPv4 address
//! is judged as both. Whatever is not known to be open is closed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use model::Problem;
use serde::{Deserialize, Serialize};

/// How an address is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Open,
    /// Only where it is allowed.
    Own(&'static str),
    Never(&'static str),
}

use Class::{Never, Open, Own};

const UNKNOWN: Class = Never("is nobody's address");
const EVERYBODY: Class = Never("is the address of many");
const PAPER: Class = Never("is for documents and tests");
const CLOUD: Class = Never("is where clouds hand out credentials");

/// (network, length of its prefix, judgement); the first that fits counts.
const V4: &[(Ipv4Addr, u8, Class)] = &[
    (Ipv4Addr::UNSPECIFIED, 8, UNKNOWN),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Own("is in a private network")),
    (Ipv4Addr::new(100, 100, 100, 200), 32, CLOUD),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        Own("is in a provider's inner network"),
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Own("is this machine itself")),
    (Ipv4Addr::new(169, 254, 0, 0), 16, CLOUD),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Own("is in a private network")),
    (Ipv4Addr::new(192, 0, 0, 0), 24, CLOUD),
    (Ipv4Addr::new(192, 0, 2, 0), 24, PAPER),
    (Ipv4Addr::new(192, 88, 99, 0), 24, UNKNOWN),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Own("is in a private network")),
    (
        Ipv4Addr::new(198, 18, 0, 0),
        15,
        Own("is in a network for measurements"),
    ),
    (Ipv4Addr::new(198, 51, 100, 0), 24, PAPER),
    (Ipv4Addr::new(203, 0, 113, 0), 24, PAPER),
    (Ipv4Addr::new(224, 0, 0, 0), 4, EVERYBODY),
    (Ipv4Addr::new(240, 0, 0, 0), 4, UNKNOWN),
    (Ipv4Addr::UNSPECIFIED, 0, Open),
];

const V6: &[(Ipv6Addr, u8, Class)] = &[
    (Ipv6Addr::LOCALHOST, 128, Own("is this machine itself")),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, CLOUD),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        Own("is in a private network"),
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        Own("is in a private network"),
    ),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, CLOUD),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, EVERYBODY),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, PAPER),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, PAPER),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, UNKNOWN),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        Own("is translated within a network"),
    ),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, Open),
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Open),
    (Ipv6Addr::UNSPECIFIED, 0, UNKNOWN),
];

/// A network that a channel may call: `192.168.1.0/24`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Net {
    base: IpAddr,
    prefix: u8,
}

impl Net {
    fn holds(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same_start(base.to_bits().into(), address.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same_start(base.to_bits(), address.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }
}

fn same_start(one: u128, other: u128, bits: u32, prefix: u8) -> bool {
    (one ^ other).checked_shr(bits - u32::from(prefix)).unwrap_or(0) == 0
}

/// Why this address is not called; `None` = it may be.
pub(crate) fn refusal(address: IpAddr, allow: &[Net]) -> Option<&'static str> {
    let address = address.to_canonical();
    match class(address) {
        Open => None,
        Own(_) if allow.iter().any(|net| net.holds(address)) => None,
        Own(why) | Never(why) => Some(why),
    }
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => {
            let carried = carried(address).map_or(Open, class_v4);
            class_v6(address).max(carried)
        }
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    let fits = |net: Ipv4Addr, prefix| same_start(net.to_bits().into(), address.to_bits().into(), 32, prefix);
    let found = V4.iter().find(|(net, prefix, _)| fits(*net, *prefix));
    found.map_or(UNKNOWN, |(_, _, class)| *class)
}

fn class_v6(address: Ipv6Addr) -> Class {
    let fits = |net: Ipv6Addr, prefix| same_start(net.to_bits(), address.to_bits(), 128, prefix);
    let found = V6.iter().find(|(net, prefix, _)| fits(*net, *prefix));
    found.map_or(UNKNOWN, |(_, _, class)| *class)
}

/// The IPv4 address inside: translated (`64:ff9b::/96`) or tunnelled (`2002::/16`).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0x64, 0xff9b, 0, _, _, _, high, low] | [0x2002, high, low, ..]) = address.segments() else {
        return None;
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl FromStr for Net {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (base, prefix) = text.split_once('/').unzip();
        let base: Option<IpAddr> = base.unwrap_or(text).parse().ok();
        let net = base.and_then(|base| {
            let most = if base.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Some(most), |digits| digits.parse().ok())?;
            (prefix <= most).then_some(Net { base, prefix })
        });
        net.ok_or_else(|| {
            Problem::invalid(format!("“{text}” is not a network"))
                .hint("write it like 192.168.1.0/24, 10.1.2.3 or fd00:1::/64")
        })
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.to_string()
    }
}

impl TryFrom<String> for Net {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(address: &str, allow: &[&str]) -> bool {
        let allow: Vec<Net> = allow.iter().map(|net| net.parse().expect("a network")).collect();
        refusal(address.parse().expect("an address"), &allow).is_none()
    }

    #[test]
    fn the_open_internet_is_called() {
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a00::1",
            "64:ff9b::101:101",
        ] {
            assert!(judged(address, &[]), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_is_called_and_no_other() {
        assert!(judged("192.168.1.7", &["192.168.1.0/24"]));
        assert!(judged("::ffff:192.168.1.7", &["192.168.1.0/24"]));
        assert!(judged("fd12::7", &["fd12::/16"]));
        assert!(judged("127.0.0.1", &["127.0.0.1"]));
        assert!(!judged("192.168.2.7", &["192.168.1.0/24"]));
        assert!(!judged("127.0.0.2", &["127.0.0.1"]));
        assert!(!judged("::1", &["127.0.0.0/8"]));
    }

    #[test]
    fn what_is_never_called_cannot_be_allowed() {
        let everything = ["0.0.0.0/0", "::/0"];
        for address in [
            "169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
        ] {
            assert!(!judged(address, &everything), "{address}");
        }
    }

    #[test]
    fn networks_are_read_strictly() {
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "fd00::/129",
            "example.org",
            "10.0.0.0/-1",
            "10.0.0.0/",
        ] {
            assert!(wrong.parse::<Net>().is_err(), "{wrong}");
        }
    }
}
