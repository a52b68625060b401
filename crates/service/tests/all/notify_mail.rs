//! Letters through a real mail server (Python's aiosmtpd), sealed in every way.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use model::{Kind, Result};
use service::notify::{Channel, Delivered, Secret, Security, Severity, Smtp, deliver, worth_retrying};

use crate::notify_sample::{clients, notice};

/// Prints its port, then each letter as a line of JSON.
const SERVER: &str = r#"
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
mode, certificate = sys.argv[1], sys.argv[2]
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"): return "550 no such person"
        if address.startswith("later"): return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None or mode == "tls",
                          "user": session.authenticated, "text": envelope.content.decode()}), flush=True)
        return "250 OK"
def check(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"cairn", b"s3cret"), handled=False)
async def main():
    context = None
    if mode != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate + "/cert.pem", certificate + "/key.pem")
    starttls = context if mode == "starttls" else None
    make = lambda: SMTP(Handler(), hostname="test", tls_context=starttls, require_starttls=starttls is not None,
                        authenticator=check, auth_required=mode != "none", auth_require_tls=mode == "starttls")
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

const CONFIG: &str = "[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n[name]\nCN = localhost\n\
    [extensions]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost\n";

pub(crate) struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it speaks");
        line
    }

    pub(crate) fn letter(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.line()).expect("a letter came")
    }
}

fn skipped(what: &str, how: &str) {
    assert!(
        std::env::var("CAIRN_TEST_STRICT").as_deref() != Ok("1"),
        "{what} is missing"
    );
    println!("SKIPPED: {what} is missing; get it with `{how}`");
}

/// A Python that has the mail server.
fn python() -> Option<PathBuf> {
    let home =
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/cairn-tools/venv/bin/python"));
    let named = std::env::var_os("CAIRN_TEST_PYTHON").map(PathBuf::from);
    let candidates = [named, home, Some(PathBuf::from("python3"))];
    let found = candidates.into_iter().flatten().find(|python| {
        let tried = Command::new(python)
            .args(["-c", "import aiosmtpd"])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skipped("the Python module aiosmtpd", "pip install aiosmtpd");
    }
    found
}

fn certificate(folder: &Path) -> Option<()> {
    std::fs::write(folder.join("config"), CONFIG).expect("it can be written");
    let arguments = "req -x509 -newkey rsa:2048 -nodes -config config -keyout key.pem -out cert.pem -days 2";
    let made = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skipped("openssl", "apt-get install openssl");
        return None;
    }
    Some(())
}

pub(crate) fn start(mode: &str, folder: &Path) -> Option<Server> {
    let python = python()?;
    if mode != "none" {
        certificate(folder)?;
    }
    let mut child = Command::new(python)
        .args(["-c", SERVER, mode])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut server = Server {
        child,
        lines,
        port: 0,
    };
    server.port = server.line().trim().parse().expect("it prints its port");
    Some(server)
}

pub(crate) fn smtp(server: &Server, security: Security, folder: &Path) -> Smtp {
    Smtp {
        host: "localhost".to_owned(),
        port: Some(server.port),
        security,
        user: Some("cairn".to_owned()),
        password: Some(Secret::new("s3cret")),
        from: "Cairn <backups@example.org>".to_owned(),
        certificate: Some(folder.join("cert.pem")),
    }
}

async fn send(smtp: Smtp, to: &str) -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut clients = clients(folder.path(), &[]);
    clients.mail = Some(smtp);
    let channel = Channel::Email {
        address: to.to_owned(),
    };
    let done = deliver(&channel, &notice(Severity::Failure), &clients).await;
    done.map(|delivered| assert_eq!(delivered, Delivered::Arrived))
}

#[tokio::test]
async fn letters_go_sealed_and_signed_in() {
    for (mode, security) in [("starttls", Security::StartTls), ("tls", Security::Tls)] {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(mut server) = start(mode, folder.path()) else {
            return;
        };
        send(
            smtp(&server, security, folder.path()),
            "Owner <owner@example.org>",
        )
        .await
        .expect("it is sent");
        let letter = server.letter();
        assert_eq!(letter["from"], "backups@example.org");
        assert_eq!(letter["to"], serde_json::json!(["owner@example.org"]));
        assert_eq!(
            (&letter["tls"], &letter["user"]),
            (&true.into(), &true.into()),
            "{mode}"
        );
        let text = letter["text"].as_str().expect("text");
        assert!(text.contains("Subject: [Cairn] Failed: backup of game"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_strange_certificate_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = start("starttls", folder.path()) else {
        return;
    };
    let mut wrong = smtp(&server, Security::StartTls, folder.path());
    wrong.password = Some(Secret::new("guessed"));
    let problem = send(wrong, "owner@example.org")
        .await
        .expect_err("the password is wrong");
    assert_eq!(problem.kind(), Kind::Refused, "{problem:?}");
    assert!(!format!("{problem:?}").contains("guessed"));
    let strange = Smtp {
        certificate: None,
        ..smtp(&server, Security::StartTls, folder.path())
    };
    let problem = send(strange, "owner@example.org")
        .await
        .expect_err("nobody vouches for it");
    assert!(problem.message().contains("certificate"), "{problem:?}");
}

#[tokio::test]
async fn sealing_is_never_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = start("none", folder.path()) else {
        return;
    };
    let bare = Smtp {
        certificate: None,
        user: None,
        ..smtp(&server, Security::None, folder.path())
    };
    send(bare.clone(), "owner@example.org")
        .await
        .expect("this machine may be told unsealed");
    assert_eq!(server.letter()["tls"], false);
    let problem = send(
        Smtp {
            security: Security::StartTls,
            ..bare.clone()
        },
        "owner@example.org",
    )
    .await;
    assert!(problem.is_err(), "the server cannot seal");
    let far = Smtp {
        host: "mail.example.org".to_owned(),
        ..bare
    };
    let problem = send(far, "owner@example.org")
        .await
        .expect_err("this would go unsealed");
    assert_eq!(problem.kind(), Kind::Refused);
}

#[tokio::test]
async fn what_the_server_says_decides_about_another_try() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = start("none", folder.path()) else {
        return;
    };
    let bare = Smtp {
        certificate: None,
        user: None,
        ..smtp(&server, Security::None, folder.path())
    };
    for (to, again) in [("nobody@example.org", false), ("later@example.org", true)] {
        let problem = send(bare.clone(), to).await.expect_err("it is not taken");
        assert_eq!(worth_retrying(&problem), again, "{problem:?}");
    }
    drop(server);
    let problem = send(bare, "owner@example.org")
        .await
        .expect_err("nobody is there");
    assert!(worth_retrying(&problem), "{problem:?}");
}
