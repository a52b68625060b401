//! An approval by e-mail, through a real mail server.

use model::{ApprovalState, Relation, Role};
use serde_json::json;
use service::notify::Security;

use crate::approvals::{Gated, agreement, ask};
use crate::house::run;
use crate::notify_mail::{smtp, start};
use crate::people::door;

fn text(letter: &serde_json::Value) -> String {
    letter["text"].as_str().unwrap().replace("\r\n", "\n")
}

#[test]
fn s04_the_owners_letter_arrives_its_link_approves_and_who_asked_is_told() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut mailbox) = start("starttls", folder.path()) else {
            return;
        };
        let gated = Gated::with_people(json!({})).await;
        gated.add("Chief", Role::Administrator, Relation::None).await;
        let mail = smtp(&mailbox, Security::StartTls, folder.path());
        let served = gated
            .house
            .with_mail("https://backup.example.org/cairn", mail)
            .await;
        let bob = gated.acting("bob").await;
        let asked = ask(&bob, &gated.backup).await.unwrap();
        assert_eq!(
            served.deliver_due().await.unwrap(),
            1,
            "the owner, and nobody else"
        );
        let letter = mailbox.letter();
        assert_eq!(letter["to"], json!(["ann@example.org"]));
        let letter = text(&letter);
        assert!(
            letter.contains("Subject: [Cairn] Approval wanted: restore of world"),
            "{letter}"
        );
        assert!(letter.contains("Bob asks to restore world"), "{letter}");
        let link = letter.lines().find(|line| line.starts_with("https://")).unwrap();
        let secret = link.strip_prefix("https://backup.example.org/cairn/a/").unwrap();
        let page = door(&served, "192.0.2.9");
        let shown = page.approval_of_link(secret).await.unwrap();
        assert_eq!(Some(shown.approval.id), asked.approval);
        page.approve_by_link(secret, &agreement("")).await.unwrap();
        assert_eq!(served.deliver_due().await.unwrap(), 1);
        let told = mailbox.letter();
        assert_eq!(told["to"], json!(["bob@example.org"]));
        assert!(text(&told).contains("Ann approved the restore that you asked for"));
        gated.house.work().await;
        assert!(gated.is_restored());
        let shown = page.approval_of_link(secret).await.unwrap();
        assert_eq!(shown.approval.state, ApprovalState::Used, "and the page says so");
    });
}
