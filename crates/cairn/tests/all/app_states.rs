//! What a job of the API of app backups says in each state, and what can then be done with it.

use serde_json::{Value, json};

use crate::app::{App, JOBS, detail};

fn can(job: &Value) -> [bool; 3] {
    ["can_download", "can_cancel", "can_delete"].map(|name| job[name].as_bool().unwrap())
}

#[test]
fn what_a_job_says_can_be_done_is_what_the_calls_answer() {
    let app = App::new();
    let gate = app.gate();
    let running = app.call("POST", JOBS, None).json();
    let opened = gate.wait();
    let id = running["id"].as_str().unwrap();
    let running = app.job("GET", id, "").json();
    assert_eq!(
        (&running["status"], &running["completed_at"]),
        (&json!("running"), &Value::Null)
    );
    assert_eq!(can(&running), [false, true, false], "{running}");
    assert_eq!(app.job("GET", id, "download/").status, 400);
    assert!(detail(&app.job("DELETE", id, ""), 400).starts_with("Running jobs cannot be deleted."));
    // Behind it, another one has not begun.
    let pending = app.call("POST", JOBS, None).json();
    assert_eq!(
        (&pending["status"], &pending["completed_at"]),
        (&json!("pending"), &Value::Null)
    );
    assert_eq!(can(&pending), [false, true, true], "{pending}");
    let other = pending["id"].as_str().unwrap();
    assert_eq!(app.job("DELETE", other, "").status, 204);
    assert_eq!(app.job("GET", other, "").status, 404, "and it never begins");
    let cancelled = app.job("POST", id, "cancel/").json();
    drop(opened);
    assert_eq!(cancelled["status"], "canceled", "{cancelled}");
    assert_eq!(can(&cancelled), [false, false, true]);
    assert!(cancelled["completed_at"].is_string());
    assert_eq!(app.instance.ok(&["list"]), json!([]));
    app.instance.ok(&["policy", "set", "tv", "hooks="]);
    let done = app.back_up();
    assert_eq!(can(&done), [true, false, true], "{done}");
    let id = done["id"].as_str().unwrap();
    app.instance.ok(&["lock", "latest"]);
    assert_eq!(can(&app.job("GET", id, "").json()), [true, false, false]);
    assert!(detail(&app.job("DELETE", id, ""), 400).contains("locked"));
    assert_eq!(
        detail(&app.job("POST", id, "cancel/"), 400),
        "This job cannot be canceled."
    );
    let restored = app.done(&app.job("POST", id, "restore/"));
    assert_eq!(can(&restored), [false, false, true], "{restored}");
    assert_eq!(
        (&restored["file_name"], &restored["file_size"]),
        (&json!(""), &Value::Null)
    );
}
