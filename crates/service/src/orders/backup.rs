//! What a job that makes a backup is to do.

use model::Reason;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a job that makes a backup is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackupOrder {
    pub(crate) backup: String,
    pub(crate) source: String,
    pub(crate) parts: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) reason: Reason,
    #[serde(default)]
    pub(crate) more: Map<String, Value>,
    /// How orders named the patterns of `more` before there were other kinds than folders; still read in old jobs, never written.
    #[serde(default, skip_serializing)]
    pub(crate) ignore: Vec<String>,
    #[serde(default)]
    pub(crate) lock: bool,
}

impl BackupOrder {
    /// The texts that were added to the source's settings for this backup.
    pub(crate) fn added(&self) -> Vec<String> {
        let more = self.more();
        let lists = more.values().filter_map(Value::as_array);
        let texts = lists.flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// What is added to the source's settings, also in the words of an old order.
    pub(crate) fn more(&self) -> Map<String, Value> {
        let mut more = self.more.clone();
        if !self.ignore.is_empty() {
            more.insert("ignore".to_owned(), self.ignore.clone().into());
        }
        more
    }

    /// Everything that is chosen, by the schedule.
    pub(crate) fn scheduled(backup: String, source: String, parts: Vec<String>) -> Self {
        BackupOrder {
            backup,
            source,
            parts,
            name: None,
            reason: Reason::Scheduled,
            more: Map::new(),
            ignore: Vec::new(),
            lock: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_an_older_version_still_says_what_it_leaves_out() {
        let old =
            r#"{"backup":"b","source":"s","parts":[],"name":null,"reason":"manual","ignore":["*.log"]}"#;
        let order: BackupOrder = serde_json::from_str(old).expect("read");
        assert_eq!(order.added(), ["*.log"]);
        let written = serde_json::to_value(&order).expect("written");
        assert!(written.get("ignore").is_none(), "{written}");
    }
}
