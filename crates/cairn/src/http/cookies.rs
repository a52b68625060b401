//! Sessions of browsers: the cookie, and what keeps other pages from using it.
//!
//! Over HTTPS the cookie is `__Host-cairn`, which no other host and no plain connection can set; over plain HTTP, as on one's own machine,
//! `cairn`. A browser sends it by itself, also for a page that is not ours; so what changes anything must come from a page of ours, which
//! the browser says in `Sec-Fetch-Site` or `Origin`. Who sends neither is no browser, and has a token.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use model::{Kind, Problem, Result};

const SECURE: &str = "__Host-cairn";
const PLAIN: &str = "cairn";

fn name(is_secure: bool) -> &'static str {
    if is_secure { SECURE } else { PLAIN }
}

/// The secret of the session.
pub(super) fn session(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    let wanted = name(is_secure);
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// Sets the cookie, or takes it away.
pub(crate) fn set(secret: Option<(&str, i64)>, is_secure: bool) -> Option<HeaderValue> {
    let (value, seconds) = secret.unwrap_or_default();
    let secure = if is_secure { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
        name(is_secure)
    );
    HeaderValue::from_str(&text).ok()
}

/// `ours` is the origin under which we are reached: `https://backup.example.org`.
pub(super) fn check_origin(method: &Method, headers: &HeaderMap, ours: &str) -> Result<()> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.eq_ignore_ascii_case(ours),
        (None, None) => false,
    };
    if is_ours {
        return Ok(());
    }
    Err(
        Problem::new(Kind::Refused, "this did not come from a page of ours")
            .hint("programs send a token (Authorization: Bearer …) and no cookie"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn the_secret_is_found_among_other_cookies() {
        let sent = headers(&[("cookie", "a=b; cairn=plain;  __Host-cairn=sealed")]);
        assert_eq!(session(&sent, true), Some("sealed"));
        assert_eq!(session(&sent, false), Some("plain"));
        assert_eq!(session(&headers(&[("cookie", "cairn=")]), false), None);
        assert_eq!(session(&headers(&[]), false), None);
    }

    #[test]
    fn only_our_own_pages_change_anything() {
        let ours = "https://backup.example.org";
        let may = |method: Method, sent: &[(&'static str, &'static str)]| {
            check_origin(&method, &headers(sent), ours).is_ok()
        };
        assert!(may(Method::GET, &[]));
        assert!(may(Method::POST, &[("sec-fetch-site", "same-origin")]));
        assert!(may(Method::POST, &[("origin", "https://backup.example.org")]));
        for sent in [
            vec![],
            vec![("sec-fetch-site", "cross-site")],
            vec![
                ("sec-fetch-site", "same-site"),
                ("origin", "https://backup.example.org"),
            ],
            vec![("origin", "https://evil.example")],
            vec![("origin", "null")],
        ] {
            assert!(!may(Method::POST, &sent), "{sent:?}");
            assert!(!may(Method::DELETE, &sent), "{sent:?}");
        }
    }
}
