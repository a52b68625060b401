//! What reaches further than one source: administrators, and the machine itself.

use model::{Kind, Role};
use serde_json::json;
use service::{PersonChanges, Service};

use crate::house::run;
use crate::people::{add, with_ann};
use crate::scene::{person, token, with_token};

fn role(role: Role) -> PersonChanges {
    PersonChanges {
        role: Some(role),
        ..PersonChanges::default()
    }
}

async fn administrators(service: &Service) -> usize {
    let people = service.list_people().await.unwrap();
    people
        .iter()
        .filter(|person| person.role == Role::Administrator && !person.disabled)
        .count()
}

#[test]
fn of_all_administrators_that_are_taken_away_at_once_one_stays() {
    run(async {
        let house = with_ann().await;
        let names: Vec<String> = (0..20).map(|number| format!("chief-{number}")).collect();
        for name in &names {
            add(&house, name, Role::Administrator).await;
        }
        let all = names.iter().enumerate().map(|(number, name)| {
            let (service, name) = (house.service.clone(), name.clone());
            tokio::spawn(async move {
                match number % 3 {
                    0 => service.edit_person(&name, &role(Role::Viewer)).await.map(|_| ()),
                    1 => {
                        let disabled = PersonChanges {
                            disabled: Some(true),
                            ..PersonChanges::default()
                        };
                        service.edit_person(&name, &disabled).await.map(|_| ())
                    }
                    _ => service.remove_person(&name).await.map(|_| ()),
                }
            })
        });
        let mut refused = Vec::new();
        for one in all.collect::<Vec<_>>() {
            refused.extend(one.await.unwrap().err());
        }
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(refused[0].kind(), Kind::Conflict);
        assert_eq!(administrators(&house.service).await, 1);
    });
}

#[test]
fn a_token_for_people_alone_neither_makes_nor_touches_administrators() {
    run(async {
        let house = with_ann().await;
        add(&house, "chief", Role::Administrator).await;
        let made = house
            .service
            .create_token(&token("chief", &["people"]))
            .await
            .unwrap();
        let clerk = with_token(&house.service, &made.token).await;
        clerk.add_person(&person("new", Role::Viewer)).await.unwrap();
        clerk
            .set_password("ann", "a long sentence is a good one")
            .await
            .unwrap();
        let refused = [
            clerk
                .add_person(&person("evil", Role::Administrator))
                .await
                .map(|_| ()),
            clerk
                .edit_person("new", &role(Role::Administrator))
                .await
                .map(|_| ()),
            clerk.edit_person("chief", &role(Role::Viewer)).await.map(|_| ()),
            clerk.remove_person("chief").await.map(|_| ()),
            clerk.set_password("chief", "a long sentence is a good one").await,
            clerk.reset_totp("chief").await,
        ];
        for outcome in refused {
            assert_eq!(outcome.unwrap_err().kind(), Kind::Refused);
        }
        assert_eq!(administrators(&house.service).await, 1);
    });
}

#[test]
fn a_token_for_one_source_reaches_nothing_else_of_the_machine() {
    run(async {
        let house = with_ann().await;
        add(&house, "chief", Role::Administrator).await;
        let scopes = ["edit-policy@world", "edit-source@world", "see@world"];
        let made = house
            .service
            .create_token(&token("chief", &scopes))
            .await
            .unwrap();
        let clerk = with_token(&house.service, &made.token).await;
        clerk
            .change_policy("world", &json!({"retention": {"last": 3}}))
            .await
            .unwrap();
        clerk
            .edit_source("world", None, &json!({"ignore": ["*.log"]}))
            .await
            .unwrap();
        let command = json!({"do": "command", "command": ["/bin/true"]});
        let letter = json!([{"on": ["failure"], "to": {"by": "email", "address": "a@example.org"}}]);
        let policies = [
            json!({"hooks": {"before_backup": [command]}}),
            json!({"notify": letter}),
        ];
        for changes in policies {
            let problem = clerk.change_policy("world", &changes).await.unwrap_err();
            assert_eq!(problem.kind(), Kind::Refused, "{changes}: {problem}");
        }
        let guard = json!({"guard": {"probe": {"by": "command", "command": ["/bin/true"]}}});
        for changes in [guard, json!({"paths": ["/etc"]})] {
            let problem = clerk.edit_source("world", None, &changes).await.unwrap_err();
            assert_eq!(problem.kind(), Kind::Refused, "{changes}: {problem}");
        }
    });
}
