//! The address of a mail server: `smtp://user:password@host:587`.
//!
//! `smtp` seals the connection by STARTTLS, `smtps` from the start; `smtp+plain` not at all, which is for a server on this very machine.
//! User and password are percent-encoded. A problem never repeats the address: the password is in it.

use model::{Problem, Result};
use service::notify::{Secret, Security, Smtp};

pub(crate) fn mail_server(address: &str, from: &str) -> Result<Smtp> {
    let wrong = |what: &str| {
        Problem::invalid(format!("the address of the mail server {what}"))
            .hint("write smtp://user:password@host:587, smtps://…:465, or smtp+plain://localhost:25")
    };
    let (scheme, rest) = address.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    let security = match scheme {
        "smtp" => Security::StartTls,
        "smtps" => Security::Tls,
        "smtp+plain" => Security::None,
        _ => return Err(wrong("has an unknown scheme")),
    };
    let (login, place) = match rest.trim_end_matches('/').rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest.trim_end_matches('/')),
    };
    let (host, port) =
        host_and_port(place).ok_or_else(|| wrong("has no host, or a port that is no number"))?;
    let decode = |text: &str| decoded(text).ok_or_else(|| wrong("is not percent-encoded rightly"));
    let (user, password) = match login {
        None => (None, None),
        Some(login) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let password = Some(decode(password)?).filter(|text| !text.is_empty());
            (Some(decode(user)?), password.map(Secret::new))
        }
    };
    Ok(Smtp {
        host,
        port,
        security,
        user,
        password,
        from: from.to_owned(),
        certificate: None,
    })
}

fn host_and_port(place: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None if after.is_empty() => None,
            None => return None,
        };
        return Some((host.to_owned(), port));
    }
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (place, None),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_host_port_and_log_in() {
        let found = mail_server("smtp://me%40home:p%3A%2Fw@mail.example.org:2525", "a@b").expect("read");
        assert_eq!(
            (found.host.as_str(), found.port, found.user.as_deref()),
            ("mail.example.org", Some(2525), Some("me@home"))
        );
        assert_eq!(
            found.password.map(|secret| secret.reveal().to_owned()).as_deref(),
            Some("p:/w")
        );
        let bare = mail_server("smtps://[::1]", "a@b").expect("read");
        assert_eq!((bare.host.as_str(), bare.port, bare.user), ("::1", None, None));
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_it() {
        for address in [
            "mail.example.org",
            "http://secret@x",
            "smtp://secret@x:y",
            "smtp://se%zzcret@x",
            "smtp://secret@",
        ] {
            let problem = mail_server(address, "a@b").expect_err(address);
            assert!(!problem.to_string().contains("secret"), "{problem}");
        }
    }
}
