//! What clients send, in all the ways in which they do.
//!
//! No body, an empty one and `{}` are the same; unknown fields are passed over; patterns come as text with lines, text with blanks, or a list;
//! truth comes as `true`, `"true"`, 1 and `"1"`.

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::errors::Refusal;

const LONGEST_NAME: usize = 191;

/// The fields of a body.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(body: &Bytes) -> Result<Self, Refusal> {
        let is_blank = body.iter().all(u8::is_ascii_whitespace);
        if is_blank {
            return Ok(Fields(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            // An empty list is what some languages make of an empty object.
            Ok(Value::Null) => Ok(Fields(Map::new())),
            Ok(Value::Array(list)) if list.is_empty() => Ok(Fields(Map::new())),
            _ => Err(Refusal::bad_request("The body is not a JSON object.")),
        }
    }

    fn first(&self, names: &[&str]) -> Option<&Value> {
        let found = names.iter().find_map(|name| self.0.get(*name));
        found.filter(|value| !value.is_null())
    }

    pub(super) fn name(&self) -> Result<Option<String>, Refusal> {
        match self.first(&["name"]) {
            None => Ok(None),
            Some(Value::String(name))
                if name.trim().chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control) =>
            {
                Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty()))
            }
            Some(Value::String(_)) => Err(Refusal::wrong_field(
                "name",
                "max",
                "The name must not be greater than 191 characters.",
            )),
            Some(_) => Err(Refusal::wrong_field(
                "name",
                "string",
                "The name must be a string.",
            )),
        }
    }

    pub(super) fn ignored(&self) -> Result<Vec<String>, Refusal> {
        let wrong = || Refusal::wrong_field("ignored", "string", "The ignored must be a string.");
        let patterns: Vec<String> = match self.first(&["ignored", "ignore", "ignored_files"]) {
            None => Vec::new(),
            Some(Value::String(text)) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
            Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => list
                .iter()
                .map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(wrong()),
        };
        let trimmed = patterns.iter().map(|pattern| pattern.trim().to_owned());
        Ok(trimmed.filter(|pattern| !pattern.is_empty()).collect())
    }

    pub(super) fn truth(&self, names: &[&'static str]) -> Result<bool, Refusal> {
        match self.first(names) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(Value::Number(number)) if matches!(number.as_i64(), Some(0 | 1)) => {
                Ok(number.as_i64() == Some(1))
            }
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "1") => Ok(true),
            Some(Value::String(text)) if matches!(text.as_str(), "false" | "0" | "") => Ok(false),
            Some(_) => Err(Refusal::wrong_field(
                names[0],
                "boolean",
                format!("The {} field must be true or false.", names[0]),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::read(&Bytes::copy_from_slice(text.as_bytes())).expect("read")
    }

    #[test]
    fn patterns_come_in_every_way() {
        for text in [
            r#"{"ignored":"*.log\ncache/\n"}"#,
            r#"{"ignored":"*.log cache/"}"#,
            r#"{"ignored_files":["*.log"," cache/ ",""]}"#,
            r#"{"ignore":"*.log\r\ncache/"}"#,
        ] {
            assert_eq!(
                fields(text).ignored().expect("read"),
                ["*.log", "cache/"],
                "{text}"
            );
        }
        for text in ["", " ", "{}", "[]", "null", r#"{"ignored":null}"#] {
            assert_eq!(fields(text).ignored().expect("read"), Vec::<String>::new());
        }
        assert!(fields(r#"{"ignored":7}"#).ignored().is_err());
    }

    #[test]
    fn truth_comes_in_every_way() {
        let truth = |text: &str| fields(text).truth(&["truncate", "truncate_directory"]);
        for text in [
            r#"{"truncate":true}"#,
            r#"{"truncate":"true"}"#,
            r#"{"truncate_directory":1}"#,
        ] {
            assert!(truth(text).expect("read"));
        }
        for text in ["", r#"{"truncate":0}"#, r#"{"truncate":"false"}"#, r#"{"x":1}"#] {
            assert!(!truth(text).expect("read"));
        }
        assert!(truth(r#"{"truncate":"perhaps"}"#).is_err());
        assert!(Fields::read(&Bytes::from_static(b"{no json")).is_err());
    }
}
