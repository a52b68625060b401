//! Approvals over the API, by the letter's link, and on its page.

use std::fs;

use serde_json::{Value, json};

use crate::instance::Instance;
use crate::served::{Answer, Served};

/// A griefed world whose owner has to agree; she has a mailbox, and the server knows its address.
struct Gated {
    instance: Instance,
    served: Served,
    token: String,
}

impl Gated {
    fn new() -> Self {
        let instance = Instance::new();
        let world = instance.make_world();
        instance.ok(&["source", "add", "folder", "world", "./world"]);
        instance.ok(&["backup", "world"]);
        instance.ok(&["policy", "set", "world", "gates.approval={}"]);
        instance.with_stdin(
            &[
                "person",
                "add",
                "olga",
                "--role",
                "owner",
                "--email",
                "olga@example.org",
                "--password-stdin",
            ],
            "correct horse battery staple",
        );
        instance.ok(&["person", "grant", "olga", "world", "--owner"]);
        let token = crate::house::person(&instance, "chief", "administrator");
        fs::write(world.join("level.dat"), b"griefed").unwrap();
        let served = Served::start_with(&instance, &["--url", "https://backup.example.org"]);
        Gated {
            instance,
            served,
            token,
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.served.ask(
            method,
            path,
            Some(&self.token),
            body.map(Value::to_string).as_deref(),
        )
    }

    /// Asks for a restore; the job.
    fn ask(&self) -> String {
        let plan = self
            .call("POST", "/api/backups/latest/restore", Some(&json!({})))
            .json();
        let path = format!("/api/plans/{}/run", plan["id"].as_str().unwrap());
        let run = self.call(
            "POST",
            &path,
            Some(&json!({"hash": plan["hash"], "confirm": plan["confirm"]})),
        );
        assert_eq!(run.status, 202, "{}", String::from_utf8_lossy(&run.body));
        run.json()["job"].as_str().unwrap().to_owned()
    }

    /// The secret of the link in the newest letter, which lies in the outbox where there is no mail server.
    fn link(&self) -> String {
        let outbox = self.instance.data().join("outbox");
        loop {
            let files = fs::read_dir(&outbox).into_iter().flatten();
            let letters = files.filter_map(|file| fs::read_to_string(file.unwrap().path()).ok());
            // Long lines of a letter are folded.
            let found = letters.map(|text| text.replace("=\r\n", "")).find_map(|text| {
                let rest = text.split_once("https://backup.example.org/a/")?.1;
                Some(rest.split_whitespace().next()?.to_owned())
            });
            if let Some(link) = found {
                return link;
            }
        }
    }

    fn wait(&self, job: &str) -> Value {
        loop {
            let view = self.call("GET", &format!("/api/jobs/{job}"), None).json();
            if !matches!(view["state"].as_str().unwrap(), "waiting" | "queued" | "running") {
                return view;
            }
        }
    }

    fn level(&self) -> Vec<u8> {
        fs::read(self.instance.path("world/level.dat")).unwrap()
    }

    fn send(&self, link: &str, form: &str) -> Answer {
        let headers = ["Content-Type: application/x-www-form-urlencoded"];
        self.served
            .ask_with("POST", &format!("/a/{link}"), &headers, Some(form))
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[test]
fn s04_the_letters_page_shows_what_would_happen_and_takes_the_answer_once() {
    let gated = Gated::new();
    let job = gated.ask();
    let link = gated.link();
    for _ in 0..3 {
        let page = gated.served.ask("GET", &format!("/a/{link}"), None, None);
        assert_eq!(page.status, 200);
        let shown = text(&page);
        assert!(
            shown.contains("chief asks to restore world") && shown.contains("level.dat"),
            "{shown}"
        );
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .contains("default-src 'none'")
        );
        assert_eq!(page.header("referrer-policy").unwrap(), "no-referrer");
    }
    let state = gated.call("GET", &format!("/api/jobs/{job}"), None).json();
    assert_eq!(state["state"], "waiting", "looking changes nothing");
    let wrong = gated.send(&link, "name=World&reason=&answer=approve");
    assert!(
        wrong.status == 403 && text(&wrong).contains("role=\"alert\""),
        "{}",
        text(&wrong)
    );
    assert_eq!(gated.level(), b"griefed");
    let done = gated.send(&link, "name=world&reason=&answer=approve");
    assert!(
        done.status == 200 && text(&done).contains("Approved"),
        "{}",
        text(&done)
    );
    assert_eq!(gated.wait(&job)["state"], "succeeded");
    assert_eq!(gated.level(), b"level one");
    let again = gated.send(&link, "name=world&reason=&answer=approve");
    assert_eq!(again.status, 409, "{}", text(&again));
    let guessed = gated.served.ask("GET", "/a/nonsense", None, None);
    assert_eq!(guessed.status, 404);
}

#[test]
fn s04_requests_are_listed_and_answered_over_the_api() {
    let gated = Gated::new();
    let job = gated.ask();
    let open = gated.call("GET", "/api/approvals?open=true", None).json();
    let request = open[0]["id"].as_str().unwrap();
    assert_eq!(
        (&open[0]["job"], &open[0]["asked"]),
        (&json!(job), &json!(["olga"]))
    );
    let sheet = gated
        .call("GET", &format!("/api/approvals/{request}"), None)
        .json();
    assert_eq!(
        (&sheet["name"], &sheet["counts"]["update"]),
        (&json!("world"), &json!(1))
    );
    // Who asked cannot agree with himself.
    let own = gated.call(
        "POST",
        &format!("/api/approvals/{request}/approve"),
        Some(&json!({"name": "world"})),
    );
    assert_eq!(own.status, 403);
    let link = gated.link();
    let seen = gated
        .served
        .ask("GET", &format!("/api/links/{link}"), None, None)
        .json();
    assert_eq!(seen["approval"]["id"], request);
    let body = json!({"reason": "<b>no</b>"}).to_string();
    let declined = gated
        .served
        .ask("POST", &format!("/api/links/{link}/decline"), None, Some(&body));
    assert_eq!(
        (declined.status, &declined.json()["state"]),
        (200, &json!("declined"))
    );
    assert_eq!(gated.wait(&job)["error"]["kind"], "refused");
    assert_eq!(gated.level(), b"griefed");
    let page = text(&gated.served.ask("GET", &format!("/a/{link}"), None, None));
    assert!(!page.contains("<b>no</b>"), "{page}");
}
