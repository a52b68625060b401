//! The folders that an app's source backs up.

use catalog::sources::SourceRow;
use serde_json::Value;

/// The kind of source whose folders can be set here.
pub(super) const FOLDER: &str = "folder";

pub(super) fn paths_of(row: &SourceRow) -> Vec<String> {
    let settings: Value = serde_json::from_str(&row.settings).unwrap_or_default();
    if row.kind != FOLDER {
        return Vec::new();
    }
    serde_json::from_value(settings["paths"].clone()).unwrap_or_default()
}
