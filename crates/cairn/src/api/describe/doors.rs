//! The doors that speak in the shapes of others: the API of app backups, and that of game-server panels.
//!
//! Their answers are made by hand, to the letter of what other programs expect, and so are their descriptions: `app.json` and `panel.json`,
//! each with `paths` and `schemas`, the name of the schema in which its calls `fail`, and the `tag` of its calls. What is accepted is more
//! than what is described: both doors are liberal in what they take.

use serde_json::Value;

use super::rules;

const DOORS: [&str; 2] = [include_str!("app.json"), include_str!("panel.json")];

pub(super) fn add(api: &mut Value) {
    for text in DOORS {
        // A text that is not JSON would be found by the tests, which look for what it describes.
        let Ok(mut door) = serde_json::from_str::<Value>(text) else {
            continue;
        };
        let fail = door["fail"].as_str().unwrap_or_default().to_owned();
        rules::may_fail(&mut door, "application/json", &fail);
        let tags = Value::Array(vec![door["tag"].take()]);
        for operation in rules::operations(&mut door) {
            operation["tags"].clone_from(&tags);
        }
        merge(&mut api["paths"], door["paths"].take());
        merge(&mut api["components"]["schemas"], door["schemas"].take());
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
