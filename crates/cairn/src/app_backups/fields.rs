//! The fields of a body, in the ways in which clients send them.
//!
//! No body, an empty one and `{}` are the same; `null` is a field that is not there; truth comes as `true`, `"true"`, 1 and `"1"`, a number also
//! as text, a list also as text with lines. Unknown fields are passed over.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use super::errors::Refusal;

pub(super) struct Fields {
    fields: Map<String, Value>,
    /// How the field is called that these lie in.
    place: String,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Bytes::from_request(request, state).await {
            Ok(body) => Fields::read(&body),
            Err(rejection) => Err(Refusal::new(rejection.status(), rejection.body_text())),
        }
    }
}

impl Fields {
    pub(super) fn read(body: &Bytes) -> Result<Self, Refusal> {
        let fields = if body.iter().all(u8::is_ascii_whitespace) {
            Map::new()
        } else {
            match serde_json::from_slice(body) {
                Ok(Value::Object(fields)) => fields,
                Ok(Value::Null) => Map::new(),
                _ => return Err(Refusal::bad_request("The body is not a JSON object.")),
            }
        };
        Ok(Fields {
            fields,
            place: String::new(),
        })
    }

    /// What a problem calls a field.
    pub(super) fn called(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, what: &str) -> Refusal {
        Refusal::field(&self.called(name), format_args!("must be {what}."))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::Number(number)) if matches!(number.as_i64(), Some(0 | 1)) => {
                Ok(Some(number.as_i64() == Some(1)))
            }
            Some(Value::String(text)) if matches!(text.to_lowercase().as_str(), "true" | "1") => {
                Ok(Some(true))
            }
            Some(Value::String(text)) if matches!(text.to_lowercase().as_str(), "false" | "0") => {
                Ok(Some(false))
            }
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let wrong = || self.wrong(name, "a whole number");
        match self.value(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_i64().map(Some).ok_or_else(wrong),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let wrong = || self.wrong(name, "a list of texts");
        let items: Vec<String> = match self.value(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.lines().map(str::to_owned).collect(),
            Some(Value::Array(list)) => list
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(wrong()),
        };
        let trimmed = items.iter().map(|item| item.trim().to_owned());
        Ok(Some(trimmed.filter(|item| !item.is_empty()).collect()))
    }

    pub(super) fn inner(&self, name: &str) -> Result<Option<Fields>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Fields {
                fields: fields.clone(),
                place: format!("{}{name}.", self.place),
            })),
            Some(_) => Err(self.wrong(name, "an object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::read(&Bytes::copy_from_slice(text.as_bytes())).expect("a body that can be read")
    }

    #[test]
    fn nothing_is_sent_in_many_ways() {
        for text in ["", "  ", "{}", "null", r#"{"enabled":null,"x":[]}"#] {
            let fields = fields(text);
            assert_eq!(fields.truth("enabled").expect("no problem"), None);
            assert_eq!(fields.number("enabled").expect("no problem"), None);
            assert!(fields.inner("enabled").expect("no problem").is_none());
        }
        assert!(Fields::read(&Bytes::from_static(b"[1]")).is_err());
    }

    #[test]
    fn numbers_truth_and_lists_come_as_text_too() {
        let fields = fields(r#"{"a":"3","b":"TRUE","c":"/x\n /y \n","d":[" /z "],"e":-1,"f":0}"#);
        assert_eq!(fields.number("a").expect("a number"), Some(3));
        assert_eq!(fields.truth("b").expect("a truth"), Some(true));
        assert_eq!(
            fields.list("c").expect("a list"),
            Some(vec!["/x".into(), "/y".into()])
        );
        assert_eq!(fields.list("d").expect("a list"), Some(vec!["/z".into()]));
        assert_eq!(fields.number("e").expect("a number"), Some(-1));
        assert_eq!(fields.truth("f").expect("a truth"), Some(false));
    }
}
