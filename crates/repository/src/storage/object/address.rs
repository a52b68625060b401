//! How the address of a bucket is written.
//!
//! Rules: the host is named, or is Amazon's; only http and https are spoken; credentials in an address are refused, for an address is
//! shown and logged.

use model::{Problem, Result};

/// `s3:https://host[:port]/bucket[/prefix]` or `s3://bucket[/prefix]`.
pub(super) struct Address {
    pub(super) endpoint: Option<String>,
    pub(super) bucket: String,
    pub(super) prefix: String,
}

impl Address {
    pub(super) fn parse(address: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Problem::invalid(format!("“{address}” is not the address of a bucket: {why}"))
                .hint("write s3:https://host/bucket/prefix, or s3://bucket/prefix")
        };
        let (endpoint, rest) = match address.strip_prefix("s3://") {
            Some(rest) => (None, rest),
            None => {
                let url = address
                    .strip_prefix("s3:")
                    .ok_or_else(|| wrong("it does not begin with s3:"))?;
                let (scheme, rest) = url
                    .split_once("://")
                    .ok_or_else(|| wrong("the host's https:// is missing"))?;
                if !matches!(scheme, "http" | "https") {
                    return Err(wrong("only http and https are spoken"));
                }
                let (host, rest) = rest
                    .split_once('/')
                    .ok_or_else(|| wrong("the bucket is missing"))?;
                if host.contains('@') {
                    return Err(Problem::invalid(
                        "credentials do not belong into an address: they would be shown and logged",
                    )
                    .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"));
                }
                (Some(format!("{scheme}://{host}")), rest)
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("the bucket is missing"));
        }
        Ok(Address {
            endpoint,
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }
}
