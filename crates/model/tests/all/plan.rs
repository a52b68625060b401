//! Plans: what is counted and what the hash covers.

use model::{Action, Counts, Draft, Item, Mode, PLAN_LIFETIME_MS, Plan, Unsaved};
use proptest::prelude::*;
use serde_json::{Value, json};

fn item(action: Action, name: &str) -> Item {
    Item {
        action,
        part: "world".to_owned(),
        kind: "file".to_owned(),
        name: name.to_owned(),
        detail: "1 KiB".to_owned(),
        fingerprint: "f".to_owned(),
        data: Value::Null,
    }
}

fn draft() -> Draft {
    Draft {
        items: vec![item(Action::Delete, "a"), item(Action::Create, "b")],
        keep: 3,
        ..Draft::default()
    }
}

fn hash(draft: &Draft) -> String {
    draft.hash("backup", "target", Mode::Replace, &["world".to_owned()])
}

#[test]
fn things_are_counted_by_what_happens_to_them() {
    let counts = draft().counts();
    assert_eq!(
        counts,
        Counts {
            create: 1,
            update: 0,
            delete: 1,
            keep: 3
        }
    );
    assert_eq!(counts.changes(), 2);
    assert!(draft().is_destructive() && !draft().is_empty());
    let kept = Draft {
        items: vec![item(Action::Keep, "a")],
        ..Draft::default()
    };
    assert!(kept.is_empty() && !kept.is_destructive());
    let created = Draft {
        items: vec![item(Action::Create, "a")],
        ..Draft::default()
    };
    assert!(!created.is_empty() && !created.is_destructive());
}

#[test]
fn alike_items_are_one_group_with_a_few_examples() {
    let mut draft = Draft {
        items: ["a", "b", "c"].map(|name| item(Action::Delete, name)).to_vec(),
        ..Draft::default()
    };
    draft.items.push(item(Action::Create, "d"));
    draft.items.push(Item {
        part: "nether".to_owned(),
        ..item(Action::Delete, "e")
    });
    let groups = draft.groups(2);
    let told: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                group.action,
                group.part.as_str(),
                group.count,
                group.names.join(" "),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Action::Delete, "world", 3, "a b".to_owned()),
            (Action::Create, "world", 1, "d".to_owned()),
            (Action::Delete, "nether", 1, "e".to_owned()),
        ]
    );
}

#[test]
fn the_hash_covers_what_would_be_done_and_to_what() {
    let edits: [fn(&mut Draft); 6] = [
        |draft| draft.items[0].action = Action::Update,
        |draft| draft.items[0].part = "other".to_owned(),
        |draft| draft.items[0].name = "c".to_owned(),
        |draft| draft.items[0].fingerprint = "g".to_owned(),
        |draft| draft.items[0].data = json!({"id": 5}),
        |draft| drop(draft.items.pop()),
    ];
    for (at, edit) in edits.iter().enumerate() {
        let mut changed = draft();
        edit(&mut changed);
        assert_ne!(hash(&changed), hash(&draft()), "edit {at}");
    }
    let parts = ["world".to_owned()];
    let others = [
        draft().hash("other", "target", Mode::Replace, &parts),
        draft().hash("backup", "other", Mode::Replace, &parts),
        draft().hash("backup", "target", Mode::Merge, &parts),
        draft().hash("backup", "target", Mode::Replace, &[]),
    ];
    assert!(others.iter().all(|other| *other != hash(&draft())));
}

#[test]
fn the_hash_covers_no_estimate_and_no_words_for_people() {
    let mut other = draft();
    other.seconds_estimate = 99;
    other.bytes = 12;
    other.keep = 77;
    other.warnings.push("slow".to_owned());
    other.items[0].detail = "2 KiB".to_owned();
    assert_eq!(hash(&other), hash(&draft()));
    assert_eq!(hash(&draft()).len(), 64);
}

proptest! {
    #[test]
    fn moving_letters_between_fields_changes_the_hash(text in "[ab]{2,8}", cut in 1..8_usize) {
        let cut = cut.min(text.len() - 1);
        let (mut one, mut other) = (draft(), draft());
        one.items[0].name = text[..cut].to_owned();
        one.items[0].fingerprint = text[cut..].to_owned();
        other.items[0].name = text.clone();
        other.items[0].fingerprint = String::new();
        prop_assert_ne!(hash(&one), hash(&other));
    }
}

#[test]
fn a_stored_plan_reads_back_and_expires() {
    let plan = Plan {
        id: "p".to_owned(),
        backup: "b".to_owned(),
        target: "t".to_owned(),
        parts: vec!["world".to_owned()],
        paths: Vec::new(),
        mode: Mode::Merge,
        deep: false,
        hash: hash(&draft()),
        created: 1000,
        expires: 1000 + PLAN_LIFETIME_MS,
        draft: draft(),
    };
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    assert!(!plan.is_expired(999 + PLAN_LIFETIME_MS) && plan.is_expired(1000 + PLAN_LIFETIME_MS));
}

#[test]
fn what_cannot_be_saved_is_part_of_the_plans_hash() {
    let told = |leaves_unsaved| Draft {
        unsaved: vec![Unsaved {
            part: "world".to_owned(),
            name: "a".to_owned(),
            why: "Permission denied".to_owned(),
        }],
        leaves_unsaved,
        ..draft()
    };
    let hashes = [hash(&draft()), hash(&told(false)), hash(&told(true))];
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    assert_eq!(told(false).would_lose().len(), 1);
    assert!(told(true).would_lose().is_empty());
}
