//! Numbers and sizes, as people read and write them.
//!
//! A [`Size`] is a number of bytes. Read: `500`, `10k`, `64 KiB`, `1.5G`, `20MB`; `k`, `M`, `G`, `T` with or
//! without `iB` are powers of 1024, `kB`, `MB`, `GB`, `TB` powers of 1000. Printed: `64.0 KiB`.
//! Counts are grouped by thousands with a comma: `20,412 files`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Problem, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut unit = "B";
        for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
            // 1023.95 would be printed as 1024.0.
            if value < 1023.95 {
                break;
            }
            value /= 1024.0;
            unit = larger;
        }
        match unit {
            "B" => f.pad(&format!("{} B", self.0)),
            _ => f.pad(&format!("{value:.1} {unit}")),
        }
    }
}

impl FromStr for Size {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        match bytes(text.trim()) {
            Some(n) => Ok(Size(n)),
            None => Err(Problem::invalid(format!("“{text}” is not a size"))
                .hint("write it like 500, 64k, 20M, 1.5G, 64 KiB or 20 MB")),
        }
    }
}

fn bytes(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = factor(unit.trim_start())?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let product = number.parse::<f64>().ok()? * factor as f64;
    (product < u64::MAX as f64).then_some(product as u64)
}

fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let Some(power) = ['k', 'm', 'g', 't', 'p']
        .iter()
        .position(|c| unit.starts_with(*c))
    else {
        return matches!(unit.as_str(), "" | "b").then_some(1);
    };
    let base: u64 = match &unit[1..] {
        "" | "ib" | "i" => 1024,
        "b" => 1000,
        _ => return None,
    };
    base.checked_pow(power as u32 + 1)
}

/// A number in JSON, or a text such as `20M`.
impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::Number(n) => n.as_u64().map(Size).ok_or_else(|| format!("{n} is not a size")),
            serde_json::Value::String(text) => text.parse().map_err(|p: Problem| p.to_string()),
            other => Err(format!("{other} is not a size")),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// `20412` → `20,412`
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `20,412 files`
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}
