//! Rules that hold for every operation and every schema of the description, whoever wrote it.
//!
//! Each response says what it is; each operation names the errors that it may answer with; bytes are `format: binary`; an object whose
//! fields nobody knows says so; moments and closed sets of words are what they are ([`words`](super::words)); a page names the type of its
//! items instead of repeating it.

use serde_json::{Map, Value, json};

use super::words::{self, Words};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const BYTES: &str = "application/octet-stream";

/// Statuses with which any call may fail, and what each says.
const FAILURES: [(&str, &str); 10] = [
    (
        "400",
        "What was sent is not understood; the detail says what and why.",
    ),
    (
        "401",
        "Nobody is signed in, or the token is not valid (any more).",
    ),
    (
        "403",
        "The person, or the token, may not do this; or a rule refuses it.",
    ),
    (
        "404",
        "There is no such thing, or it is not for this person to see.",
    ),
    ("409", "The state of things does not allow it now."),
    ("413", "More was sent than is taken."),
    ("422", "The passphrase of an archive is wrong."),
    (
        "429",
        "Too much at once, or too often; `Retry-After` says when to ask again.",
    ),
    (
        "500",
        "Something is damaged, or went wrong inside; the log says more.",
    ),
    (
        "503",
        "Something that is needed is not there now, such as the repository.",
    ),
];

pub(super) fn apply(api: &mut Value) {
    for operation in operations(api) {
        describe_responses(operation);
    }
    each(api, &mut |schema| {
        open(schema);
        bytes(schema);
    });
    each_content(api);
    if let Some(schemas) = api["components"]["schemas"].as_object_mut() {
        name_items(schemas);
        for place in words::MOMENTS {
            at(schemas, place, &mut |field| {
                field.insert("format".to_owned(), json!("date-time"));
            });
        }
        for set in words::closed_sets() {
            name_words(schemas, &set);
        }
    }
    name_words_of_parameters(api);
}

/// A parameter that takes one of a closed set of words names the set.
fn name_words_of_parameters(api: &mut Value) {
    let sets = words::closed_sets();
    let named = |words: &Value| sets.iter().find(|set| json!(set.allowed) == *words);
    for operation in operations(api) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(set) = named(&parameter["schema"]["enum"]) {
                parameter["schema"] = reference(set.name);
            }
        }
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// Every operation with the errors that it may answer with, in this shape.
pub(super) fn may_fail(api: &mut Value, media_type: &str, schema: &str) {
    let failures = FAILURES.map(|(status, description)| (status, failure(description, media_type, schema)));
    let other = failure("What is wrong, and what to do about it.", media_type, schema);
    for operation in operations(api) {
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for (status, failure) in &failures {
            responses.entry(*status).or_insert_with(|| failure.clone());
        }
        responses.insert("default".to_owned(), other.clone());
    }
}

fn failure(description: &str, media_type: &str, schema: &str) -> Value {
    json!({ "description": description, "content": { media_type: { "schema": reference(schema) } } })
}

/// All operations of a description.
pub(super) fn operations(api: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = api["paths"].as_object_mut().into_iter().flatten();
    paths
        .filter_map(|(_, item)| item.as_object_mut())
        .flatten()
        .filter(|(method, _)| METHODS.contains(&method.as_str()))
        .map(|(_, operation)| operation)
}

fn describe_responses(operation: &mut Value) {
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if response["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        {
            continue;
        }
        response["description"] = json!(match status.as_str() {
            "201" => "It is made.",
            "202" => "It is accepted, and goes on as a job.",
            "204" => "It is done; there is nothing to say.",
            _ => "What was asked for.",
        });
    }
}

/// Walks through everything that may be a schema.
fn each(value: &mut Value, work: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            work(fields);
            fields.values_mut().for_each(|field| each(field, work));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, work)),
        _ => {}
    }
}

fn is_type(schema: &Map<String, Value>, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(found)) => found == wanted,
        Some(Value::Array(found)) => found.iter().any(|found| found == wanted),
        _ => false,
    }
}

fn open(schema: &mut Map<String, Value>) {
    let says = ["properties", "additionalProperties"];
    if is_type(schema, "object") && !says.iter().any(|word| schema.contains_key(*word)) {
        schema.insert("additionalProperties".to_owned(), json!(true));
    }
}

/// A list of small numbers, which is how the code spells bytes.
fn bytes(schema: &mut Map<String, Value>) {
    let is_list_of_numbers = is_type(schema, "array")
        && schema.get("items").is_some_and(|items| {
            items["type"] == "integer" && items["format"] == "int32" && items["minimum"] == 0
        });
    if is_list_of_numbers {
        schema.clear();
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("format".to_owned(), json!("binary"));
    }
}

/// What is sent as bytes is bytes, however it was described.
fn each_content(api: &mut Value) {
    for operation in operations(api) {
        each(operation, &mut |content| {
            if let Some(body) = content.get_mut(BYTES).and_then(Value::as_object_mut) {
                body.insert(
                    "schema".to_owned(),
                    json!({ "type": "string", "format": "binary" }),
                );
            }
        });
    }
}

fn name_items(schemas: &mut Map<String, Value>) {
    let pages: Vec<(String, String)> = schemas
        .keys()
        .filter_map(|name| Some((name.clone(), name.strip_prefix("Page_")?.to_owned())))
        .collect();
    for (page, item) in pages {
        let found = schemas[&page]["properties"]["items"]["items"].take();
        schemas.entry(item.clone()).or_insert(found);
        schemas[&page]["properties"]["items"]["items"] = reference(&item);
    }
}

/// Works on the field at a place; of a list, on its items.
fn at(schemas: &mut Map<String, Value>, place: &str, work: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some((schema, field)) = place.split_once('.') else {
        return;
    };
    let found = schemas
        .get_mut(schema)
        .and_then(|schema| schema["properties"].get_mut(field));
    match found.and_then(Value::as_object_mut) {
        Some(list) if is_type(list, "array") => {
            list.get_mut("items").and_then(Value::as_object_mut).map(work);
        }
        Some(field) => work(field),
        None => {}
    }
}

fn name_words(schemas: &mut Map<String, Value>, set: &Words) {
    let reference = reference(set.name);
    for place in set.places {
        at(schemas, place, &mut |field| {
            let (is_nullable, about) = (is_type(field, "null"), field.remove("description"));
            field.clear();
            if is_nullable {
                field.insert("oneOf".to_owned(), json!([reference, { "type": "null" }]));
            } else {
                field.insert("allOf".to_owned(), json!([reference]));
            }
            field.extend(about.map(|about| ("description".to_owned(), about)));
        });
    }
    schemas.insert(
        set.name.to_owned(),
        json!({ "type": "string", "enum": set.allowed }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished() -> Value {
        super::super::super::description()
    }

    #[test]
    fn every_place_that_is_named_is_there() {
        let api = finished();
        let sets = words::closed_sets();
        let places = words::MOMENTS
            .iter()
            .chain(sets.iter().flat_map(|set| set.places));
        for place in places {
            let (schema, field) = place.split_once('.').expect("a schema and a field");
            let found = &api["components"]["schemas"][schema]["properties"][field];
            assert!(found.is_object(), "{place}");
        }
    }

    #[test]
    fn every_text_that_looks_like_a_moment_is_one() {
        let api = finished();
        let names = [
            "created",
            "created_at",
            "ended",
            "started",
            "seen",
            "since",
            "verified",
            "completed_at",
        ];
        for (name, schema) in api["components"]["schemas"].as_object().expect("schemas") {
            for (field, found) in schema["properties"].as_object().into_iter().flatten() {
                if names.contains(&field.as_str()) && found["type"] != "integer" {
                    assert_eq!(found["format"], "date-time", "{name}.{field}: {found}");
                }
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_tag_and_its_errors() {
        let mut api = finished();
        let mut names = std::collections::BTreeSet::new();
        for operation in operations(&mut api) {
            let name = operation["operationId"].as_str().expect("a name").to_owned();
            assert!(operation["tags"][0].is_string(), "{name}");
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(
                    response["description"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{name} {status}"
                );
            }
            for status in ["400", "401", "403", "404", "409", "429", "default"] {
                assert!(
                    operation["responses"][status]["content"].is_object(),
                    "{name} {status}"
                );
            }
            assert!(names.insert(name.clone()), "{name} twice");
        }
        assert!(names.len() > 80, "{}", names.len());
    }

    #[test]
    fn every_object_says_whether_it_is_open_and_bytes_are_binary() {
        let mut api = finished();
        each(&mut api, &mut |schema| {
            if schema.get("type").is_some_and(|found| found == "object") {
                let says = schema.contains_key("properties") || schema.contains_key("additionalProperties");
                assert!(says, "{schema:?}");
            }
            if let Some(body) = schema.get(BYTES) {
                assert_eq!(body["schema"], json!({ "type": "string", "format": "binary" }));
            }
        });
    }
}
