//! The kind of the items, for tests that run the whole program with one kind more than the product has.
//!
//! Its worlds lie in files, so that several processes visit one. It has a secret of every shape: a text, a list, a document.

use std::path::Path;

use model::{Description, Field, Kind as ProblemKind, Problem, Result, Takes};
use serde_json::Value;
use sources::{Env, Kind, Source};

use super::{Items, World};

/// The kind itself.
#[derive(Debug)]
pub struct ItemsKind;

/// In the table of kinds.
pub static ITEMS: ItemsKind = ItemsKind;

static FIELDS: [Field; 5] = [
    Field::new("world", Takes::Path, "The file in which the world lies.")
        .required()
        .reaches_machine(),
    Field::new(
        "key",
        Takes::Text,
        "What opens the world; it begins with “open-”.",
    )
    .required()
    .secret(),
    Field::new("spare_keys", Takes::Text, "Other keys.")
        .repeated()
        .secret(),
    Field::new("papers", Takes::Json, "What the gatekeeper wants to see.").secret(),
    Field::new(
        "mood",
        Takes::OneOf {
            words: &["calm", "moody"],
        },
        "How the world feels.",
    )
    .default("calm"),
];

static DESCRIPTION: Description = Description::new("items", "A world of items", &FIELDS);

impl Kind for ItemsKind {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn open(&self, settings: &Value, _env: &Env) -> Result<Box<dyn Source>> {
        let key = settings["key"].as_str().unwrap_or_default();
        if !key.starts_with("open-") {
            return Err(
                Problem::new(ProblemKind::Refused, "the key does not open the world of items")
                    .hint("give the key that does"),
            );
        }
        let file = settings["world"].as_str().unwrap_or_default();
        Ok(Box::new(Items::new(&World::in_file(Path::new(file)))))
    }
}
