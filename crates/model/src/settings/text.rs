//! Settings from texts: the flags of a command line, variables, fields of a form.
//!
//! Rules: a text is read as the field takes it; a repeated field and pairs collect what is given several
//! times; any other field given twice is refused.

use serde_json::{Map, Value};

use super::{Description, Field, Takes};
use crate::{Problem, Result};

impl Description {
    /// The settings from (name, text) pairs; not yet complete.
    pub fn from_texts<'a>(&self, given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Value> {
        let mut settings = Map::new();
        for (name, text) in given {
            let key = name.trim_start_matches("--").replace('-', "_");
            match self.field(&key) {
                Some(field) => field.put(&mut settings, text)?,
                // Left for the check, which knows what to say.
                None => drop(settings.insert(key, text.into())),
            }
        }
        Ok(Value::Object(settings))
    }
}

impl Field {
    fn put(&self, settings: &mut Map<String, Value>, text: &str) -> Result<()> {
        let in_context = |problem: Problem| problem.context(format!("“{}”", self.name));
        let without_text = |problem| {
            if self.secret {
                Problem::invalid("the value cannot be used")
            } else {
                problem
            }
        };
        let value = self.takes.read(text).map_err(without_text).map_err(in_context)?;
        let known = settings.get_mut(self.name);
        match (known, value) {
            (Some(Value::Object(pairs)), Value::Object(more)) if self.takes == Takes::Pairs => {
                pairs.extend(more);
            }
            (Some(Value::Array(items)), value) if self.repeated => items.push(value),
            (None, value) => {
                let value = if self.is_list() {
                    Value::Array(vec![value])
                } else {
                    value
                };
                settings.insert(self.name.to_owned(), value);
            }
            (Some(_), _) => return Err(in_context(Problem::invalid("was given twice"))),
        }
        Ok(())
    }

    fn is_list(&self) -> bool {
        self.repeated && self.takes != Takes::Pairs
    }

    pub(crate) fn default_value(&self, text: &str) -> Result<Value> {
        let value = self.takes.read(text)?;
        Ok(if self.is_list() {
            Value::Array(vec![value])
        } else {
            value
        })
    }
}

impl Takes {
    fn read(self, text: &str) -> Result<Value> {
        match self {
            Takes::Number { .. } => match text.trim().parse::<i64>() {
                Ok(number) => Ok(number.into()),
                Err(_) => Err(Problem::invalid(format!("“{text}” is not a whole number"))),
            },
            Takes::Switch => match text.trim().to_lowercase().as_str() {
                "" | "true" | "yes" | "on" | "1" => Ok(true.into()),
                "false" | "no" | "off" | "0" => Ok(false.into()),
                _ => Err(Problem::invalid(format!("“{text}” is neither yes nor no"))),
            },
            Takes::Pairs => match text.split_once('=') {
                Some((name, value)) => Ok(serde_json::json!({ name: value })),
                None => {
                    Err(Problem::invalid(format!("“{text}” is not a pair")).hint("write it as name=value"))
                }
            },
            Takes::Json => {
                serde_json::from_str(text).map_err(|error| Problem::invalid(format!("is not JSON: {error}")))
            }
            Takes::Text | Takes::Path | Takes::OneOf { .. } | Takes::Lapse | Takes::Size => Ok(text.into()),
        }
    }
}
