//! Checking settings against their description, and filling in what was left out.

use serde_json::{Map, Value};

use super::{Description, Field, Takes};
use crate::{Lapse, Problem, Result, Size, nearest};

/// What is wrong with one key, for a form that shows it beside its field.
#[derive(Debug)]
pub struct Wrong {
    pub key: String,
    pub problem: Problem,
}

impl Description {
    /// Everything that is wrong; nothing when the settings can be used.
    pub fn wrong(&self, settings: &Value) -> Vec<Wrong> {
        let Some(given) = settings.as_object() else {
            let problem =
                Problem::invalid(format!("the settings of a {} are an object with keys", self.kind));
            return vec![Wrong {
                key: String::new(),
                problem,
            }];
        };
        let unknown = given
            .keys()
            .filter(|key| self.field(key).is_none())
            .map(|key| self.unknown(key));
        unknown
            .chain(
                self.fields
                    .iter()
                    .filter_map(|field| wrong_field(field, given.get(field.name))),
            )
            .collect()
    }

    /// The settings with defaults filled in, or the first thing that is wrong (with how many more there are).
    pub fn complete(&self, settings: Value) -> Result<Value> {
        let mut wrong = self.wrong(&settings);
        if !wrong.is_empty() {
            let first = wrong
                .remove(0)
                .problem
                .context(format!("settings of a {}", self.kind));
            let others: Vec<String> = wrong.into_iter().map(|one| one.key).collect();
            return Err(if others.is_empty() {
                first
            } else {
                let also = format!("also wrong: {}", others.join(", "));
                let hint = first
                    .hint_text()
                    .map_or(also.clone(), |hint| format!("{hint}; {also}"));
                first.hint(hint)
            });
        }
        self.with_defaults(settings)
    }

    fn with_defaults(&self, settings: Value) -> Result<Value> {
        let Value::Object(mut given) = settings else {
            return Ok(settings);
        };
        given.retain(|_, value| !value.is_null());
        for field in self.fields {
            if let (Some(text), false) = (field.default, given.contains_key(field.name)) {
                given.insert(field.name.to_owned(), field.default_value(text)?);
            }
        }
        Ok(Value::Object(given))
    }

    fn unknown(&self, key: &str) -> Wrong {
        let names = self.fields.iter().map(|field| field.name);
        let hint = match nearest(key, names.clone()) {
            Some(near) => format!("did you mean “{near}”?"),
            None => format!("known keys: {}", names.collect::<Vec<_>>().join(", ")),
        };
        let problem = Problem::invalid(format!("a {} has no setting “{key}”", self.kind)).hint(hint);
        Wrong {
            key: key.to_owned(),
            problem,
        }
    }
}

fn wrong_field(field: &Field, value: Option<&Value>) -> Option<Wrong> {
    let problem = match value.filter(|value| !value.is_null()) {
        None if field.required => missing(field),
        None => return None,
        Some(Value::Array(items)) if field.repeated && field.takes != Takes::Pairs => {
            items.iter().find_map(|item| field.takes.refuse(item))?
        }
        Some(other) if field.repeated && field.takes != Takes::Pairs => expected("a list", other),
        Some(value) => field.takes.refuse(value)?,
    };
    // What a secret field holds must not show up in a message.
    let problem = if field.secret && value.is_some() {
        Problem::invalid("the value cannot be used")
    } else {
        problem
    };
    Some(Wrong {
        key: field.name.to_owned(),
        problem: problem.context(format!("“{}”", field.name)),
    })
}

fn missing(field: &Field) -> Problem {
    let env = field
        .env
        .map_or(String::new(), |variable| format!(", or set {variable}"));
    let flags = field.flags().join(" or ");
    Problem::invalid("is required and was not given").hint(format!("{} Give {flags}{env}", field.about))
}

fn expected(what: &str, got: &Value) -> Problem {
    let got = match got {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    };
    Problem::invalid(format!("expected {what}, got {got}"))
}

impl Takes {
    /// What is wrong with a value, if anything.
    fn refuse(self, value: &Value) -> Option<Problem> {
        match (self, value) {
            (Takes::Json, _) | (Takes::Switch, Value::Bool(_)) | (Takes::Text, Value::String(_)) => None,
            (Takes::Path, Value::String(path)) if !path.is_empty() && !path.contains('\0') => None,
            (Takes::Number { least, most }, Value::Number(n))
                if n.as_i64().is_some_and(|n| (least..=most).contains(&n)) =>
            {
                None
            }
            (Takes::OneOf { words }, Value::String(word)) => refuse_word(word, words),
            (Takes::Lapse, Value::String(text)) => text.parse::<Lapse>().err(),
            (Takes::Size, Value::String(text)) => text.parse::<Size>().err(),
            (Takes::Size, Value::Number(n)) if n.is_u64() => None,
            (Takes::Pairs, Value::Object(pairs)) => refuse_pairs(pairs),
            (takes, other) => Some(expected(&takes.words(), other)),
        }
    }

    fn words(self) -> String {
        match self {
            Takes::Text => "a text".to_owned(),
            Takes::Path => "a path".to_owned(),
            Takes::Number {
                least,
                most: i64::MAX,
            } => format!("a number from {least}"),
            Takes::Number { least, most } => format!("a number from {least} to {most}"),
            Takes::Switch => "true or false".to_owned(),
            Takes::OneOf { words } => format!("one of {}", words.join(", ")),
            Takes::Lapse => "a length of time such as 24h".to_owned(),
            Takes::Size => "a size such as 20M".to_owned(),
            Takes::Pairs => "an object of names with texts".to_owned(),
            Takes::Json => "anything".to_owned(),
        }
    }
}

fn refuse_word(word: &str, words: &'static [&'static str]) -> Option<Problem> {
    if words.contains(&word) {
        return None;
    }
    Some(crate::words::unknown_word("one of the choices", word, words))
}

fn refuse_pairs(pairs: &Map<String, Value>) -> Option<Problem> {
    let (name, value) = pairs
        .iter()
        .find(|(name, value)| name.is_empty() || !value.is_string())?;
    Some(expected("a text", value).context(format!("“{name}”")))
}
