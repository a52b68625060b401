//! Keeping the secrets of settings apart.
//!
//! Rules: what is shown, logged, exported or put into a manifest is the open half; the secret half is
//! sealed. Invariant: `join(split(s)) == s`. In an edit, a secret that is not given stays as it was.

use serde_json::{Map, Value};

use super::Description;

/// Settings in two halves, each an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Halves {
    pub open: Map<String, Value>,
    pub secret: Map<String, Value>,
}

impl Description {
    fn is_secret(&self, key: &str) -> bool {
        self.field(key).is_some_and(|field| field.secret)
    }

    pub fn split(&self, settings: Value) -> Halves {
        let mut halves = Halves::default();
        if let Value::Object(given) = settings {
            let (secret, open) = given.into_iter().partition(|(key, _)| self.is_secret(key));
            halves = Halves { open, secret };
        }
        halves
    }

    /// Without secrets, for people and manifests.
    pub fn without_secrets(&self, settings: Value) -> Value {
        Value::Object(self.split(settings).open)
    }

    /// What is there after an edit: all that was given, and the secrets that were not.
    pub fn edited(&self, before: Value, given: Value) -> Value {
        let kept = self.split(before).secret;
        let Value::Object(given) = given else { return given };
        let mut settings = kept;
        settings.extend(given);
        settings.retain(|_, value| !value.is_null());
        Value::Object(settings)
    }
}

impl Halves {
    pub fn join(self) -> Value {
        let mut settings = self.open;
        settings.extend(self.secret);
        Value::Object(settings)
    }
}
