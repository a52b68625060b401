//! Closed sets of words and guesses at mistyped ones.

use model::{Kind, Permission, Reason, Role, nearest};

#[test]
fn every_word_reads_back() {
    for permission in Permission::ALL {
        assert_eq!(permission.word().parse::<Permission>().unwrap(), *permission);
        let json = serde_json::to_string(permission).unwrap();
        assert_eq!(json, format!("\"{permission}\""));
        assert_eq!(serde_json::from_str::<Permission>(&json).unwrap(), *permission);
    }
}

#[test]
fn an_unknown_word_is_answered_with_the_known_ones() {
    let problem = "secheduled".parse::<Reason>().unwrap_err();
    assert_eq!(problem.kind(), Kind::Invalid);
    assert_eq!(
        problem.message(),
        "“secheduled” is not the reason of a backup: did you mean “scheduled”?"
    );
    assert_eq!(
        problem.hint_text(),
        Some("use one of: manual, scheduled, safety, imported")
    );
    assert!("Viewer".parse::<Role>().is_err(), "words are exact");
    assert!(
        serde_json::from_str::<Reason>("\"other\"")
            .unwrap_err()
            .to_string()
            .contains("“other” is not")
    );
}

#[test]
fn only_safety_backups_are_not_ordinary() {
    let ordinary: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| reason.is_ordinary())
        .map(|r| r.word())
        .collect();
    assert_eq!(ordinary, ["manual", "scheduled", "imported"]);
}

#[test]
fn a_guess_is_made_only_when_it_is_near() {
    let known = ["database", "profile-pictures", "logos"];
    for (word, guess) in [
        ("databse", Some("database")),
        ("Profile Pictures", Some("profile-pictures")),
        ("logo", Some("logos")),
        ("recordings", None),
        ("", None),
        ("xyz", None),
    ] {
        assert_eq!(nearest(word, known), guess, "{word}");
    }
}
