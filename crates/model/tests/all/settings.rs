//! Settings described as data: checked, read from texts, parted from their secrets.

use model::{Description, Field, Takes};
use proptest::prelude::*;
use serde_json::{Value, json};

const FIELDS: &[Field] = &[
    Field::new("url", Takes::Text, "Where the database is.")
        .required()
        .secret()
        .env("TV_URL"),
    Field::new(
        "format",
        Takes::OneOf {
            words: &["dump", "rows"],
        },
        "How it is written.",
    )
    .default("dump"),
    Field::new("folder", Takes::Pairs, "Folders that go with it."),
    Field::new("ignore", Takes::Path, "What is left out.").repeated(),
    Field::new("jobs", Takes::Number { least: 1, most: 8 }, "How many at once.").default("2"),
    Field::new("include_recordings", Takes::Switch, "Recordings too?").default("no"),
    Field::new("timeout", Takes::Lapse, "How long it may take."),
    Field::new("chunk", Takes::Size, "How large a piece is."),
    Field::new("map", Takes::Json, "What lies where."),
];

const TV: Description = Description::new("postgres", "A database.", FIELDS);

fn full() -> Value {
    json!({
        "url": "postgres://secret@host/tv", "format": "rows", "folder": {"logos": "/srv/logos"},
        "ignore": ["*.tmp", "cache"], "jobs": 4, "include_recordings": true, "timeout": "2h", "chunk": "64k",
        "map": {"tables": []},
    })
}

#[test]
fn right_settings_pass_and_defaults_are_filled_in() {
    assert_eq!(TV.complete(full()).unwrap(), full());
    let completed = TV.complete(json!({"url": "x", "timeout": null})).unwrap();
    assert_eq!(
        completed,
        json!({"url": "x", "format": "dump", "jobs": 2, "include_recordings": false})
    );
}

#[test]
fn problems_name_the_key_and_say_what_was_expected() {
    for (key, value, message) in [
        (
            "format",
            json!("dmup"),
            "“format”: “dmup” is not one of the choices: did you mean “dump”?",
        ),
        ("format", json!(5), "“format”: expected one of dump, rows, got 5"),
        (
            "folder",
            json!({"logos": 5}),
            "“folder”: “logos”: expected a text, got 5",
        ),
        (
            "folder",
            json!([]),
            "“folder”: expected an object of names with texts, got a list",
        ),
        ("ignore", json!("x"), "“ignore”: expected a list, got \"x\""),
        ("ignore", json!(["a", ""]), "“ignore”: expected a path, got \"\""),
        ("jobs", json!(9), "“jobs”: expected a number from 1 to 8, got 9"),
        (
            "jobs",
            json!(1.5),
            "“jobs”: expected a number from 1 to 8, got 1.5",
        ),
        (
            "include_recordings",
            json!("yes"),
            "“include_recordings”: expected true or false, got \"yes\"",
        ),
        (
            "timeout",
            json!("soon"),
            "“timeout”: “soon” is not a length of time",
        ),
        ("chunk", json!(-1), "“chunk”: expected a size such as 20M, got -1"),
        ("fromat", json!(1), "a postgres has no setting “fromat”"),
    ] {
        let mut settings = full();
        settings[key] = value;
        let wrong = TV.wrong(&settings);
        let found: Vec<_> = wrong
            .iter()
            .map(|one| (one.key.as_str(), one.problem.message()))
            .collect();
        assert_eq!(found, [(key, message)]);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let problem = TV.complete(json!({"jobs": 0, "fromat": "rows"})).unwrap_err();
    assert_eq!(
        problem.message(),
        "settings of a postgres: a postgres has no setting “fromat”"
    );
    assert_eq!(
        problem.hint_text(),
        Some("did you mean “format”?; also wrong: url, jobs")
    );
    assert!(
        TV.complete(json!([1]))
            .unwrap_err()
            .message()
            .contains("an object with keys")
    );
}

#[test]
fn a_missing_setting_says_how_to_give_it() {
    let wrong = TV.wrong(&json!({}));
    assert_eq!(wrong[0].problem.message(), "“url”: is required and was not given");
    let hint = "Where the database is. Give --url-file or --url-env or --url-command, or set TV_URL";
    assert_eq!(wrong[0].problem.hint_text(), Some(hint));
}

#[test]
fn what_a_secret_holds_is_never_repeated() {
    let problem = TV.complete(json!({"url": ["hunter2"]})).unwrap_err();
    assert!(!format!("{problem} {:?}", problem.hint_text()).contains("hunter2"));
    assert!(!TV.without_secrets(full()).to_string().contains("secret@host"));
}

#[test]
fn texts_become_settings() {
    let texts = [
        ("--url", "postgres://secret@host/tv"),
        ("format", "rows"),
        ("--folder", "logos=/srv/logos"),
        ("--folder", "music=/srv/a=b"),
        ("ignore", "*.tmp"),
        ("ignore", "cache"),
        ("--jobs", "4"),
        ("include-recordings", ""),
        ("timeout", "2h"),
        ("map", r#"{"tables":[]}"#),
    ];
    let read = TV.complete(TV.from_texts(texts).unwrap()).unwrap();
    let mut expected = full();
    expected["folder"]["music"] = json!("/srv/a=b");
    expected.as_object_mut().unwrap().remove("chunk");
    assert_eq!(read, expected);
}

#[test]
fn texts_that_do_not_fit_are_refused_by_name() {
    for (texts, message) in [
        (&[("jobs", "many")][..], "“jobs”: “many” is not a whole number"),
        (&[("folder", "logos")], "“folder”: “logos” is not a pair"),
        (
            &[("include-recordings", "perhaps")],
            "“include_recordings”: “perhaps” is neither yes nor no",
        ),
        (
            &[("format", "rows"), ("format", "dump")],
            "“format”: was given twice",
        ),
    ] {
        assert_eq!(
            TV.from_texts(texts.iter().copied()).unwrap_err().message(),
            message
        );
    }
    let unknown = TV.from_texts([("url", "x"), ("--fromat", "rows")]).unwrap();
    assert!(TV.complete(unknown).unwrap_err().message().contains("“fromat”"));
}

#[test]
fn an_edit_keeps_the_secrets_that_it_does_not_give() {
    let edited = TV.edited(full(), json!({"format": "dump"}));
    assert_eq!(
        edited,
        json!({"url": "postgres://secret@host/tv", "format": "dump"})
    );
    assert_eq!(TV.edited(full(), json!({"url": "new"})), json!({"url": "new"}));
    assert_eq!(TV.edited(full(), json!({"url": null})), json!({}));
}

#[test]
fn a_description_is_data_for_forms_and_pages() {
    let field = serde_json::to_value(FIELDS[4]).unwrap();
    let expected = json!({
        "name": "jobs", "about": "How many at once.", "takes": "number", "least": 1, "most": 8,
        "required": false, "default": "2", "secret": false, "env": null, "repeated": false,
    });
    assert_eq!(field, expected);
    assert_eq!(
        TV.field("include_recordings").unwrap().flags(),
        ["--include-recordings"]
    );
}

fn any_settings() -> impl Strategy<Value = Value> {
    let keys = proptest::sample::select(vec!["url", "format", "folder", "ignore", "jobs", "odd"]);
    let values = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,5}".prop_map(Value::from),
        proptest::collection::vec("[a-z]{0,3}", 0..3).prop_map(Value::from),
    ];
    proptest::collection::btree_map(keys, values, 0..6).prop_map(|map| json!(map))
}

proptest! {
    #[test]
    fn halves_join_to_the_whole(settings in any_settings()) {
        prop_assert_eq!(TV.split(settings.clone()).join(), settings);
    }

    #[test]
    fn what_was_completed_is_complete(settings in any_settings()) {
        if let Ok(completed) = TV.complete(settings) {
            prop_assert_eq!(TV.complete(completed.clone()).unwrap(), completed);
        }
    }
}
