//! Any order of asking, answering, waiting and meddling: no restore begins that nobody approved, and none is had twice.
//!
//! A model remembers for each request what was said to it last; the real thing is asked the same questions.

use std::collections::BTreeMap;
use std::fs;

use model::{Cancel, Lapse, Progress};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::approvals::{BAD, GOOD, Gated, agreement, ask};
use crate::house::run;

#[derive(Clone, Copy, Debug)]
enum Answer {
    Approve,
    Decline,
    WrongName,
    Cancel,
    Resume,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask,
    /// To one of the requests there were, counted from the newest.
    To(usize, Answer),
    /// Longer than a request is open.
    LetExpire,
    Meddle,
    PutBack,
    Work,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![
        4 => Just(Answer::Approve),
        1 => Just(Answer::Decline),
        1 => Just(Answer::WrongName),
        1 => Just(Answer::Cancel),
        2 => Just(Answer::Resume),
    ];
    let step = prop_oneof![
        3 => Just(Step::Ask),
        8 => (0..3_usize, answer).prop_map(|(which, answer)| Step::To(which, answer)),
        1 => Just(Step::LetExpire),
        1 => Just(Step::Meddle),
        2 => Just(Step::PutBack),
        3 => Just(Step::Work),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 3..14)
}

/// What the model knows of a request.
#[derive(Clone, Debug)]
struct Known {
    request: String,
    open: bool,
    approved: bool,
    asked_at: i64,
    /// What the target held when it was asked for.
    target: Vec<u8>,
}

struct Play {
    gated: Gated,
    /// By job, the oldest first.
    known: BTreeMap<usize, (String, Known)>,
    /// What was restored, by job, with how often it was begun.
    restored: BTreeMap<String, usize>,
}

impl Play {
    fn now(&self) -> i64 {
        self.gated.house.service.now_ms()
    }

    /// What is open in the model, now.
    fn is_open(&self, at: usize) -> bool {
        let (_, known) = &self.known[&at];
        known.open && self.now() < known.asked_at + Lapse::hours(24).ms()
    }

    async fn ask(&mut self) {
        let asked = ask(&self.gated.house.service, &self.gated.backup).await.unwrap();
        for (_, known) in self.known.values_mut() {
            known.open = false;
        }
        let known = Known {
            request: asked.approval.unwrap(),
            open: true,
            approved: false,
            asked_at: self.now(),
            target: fs::read(self.gated.level()).unwrap(),
        };
        self.known.insert(self.known.len(), (asked.job, known));
        self.gated.house.pass(Lapse::seconds(1));
    }

    async fn approve(&mut self, at: usize, name: &str) {
        let open = self.is_open(at);
        let (_, known) = self.known.get_mut(&at).unwrap();
        let said = service::Agreement {
            name: name.to_owned(),
            ..agreement("")
        };
        let done = self.gated.house.service.approve(&known.request, &said).await;
        assert!(done.is_err() || (open && name == "world"), "{known:?}");
        if done.is_ok() {
            known.open = false;
            known.approved = true;
        }
    }

    async fn close(&mut self, at: usize, decline: bool) {
        let open = self.is_open(at);
        let (job, known) = self.known.get_mut(&at).unwrap();
        let service = &self.gated.house.service;
        if decline {
            assert_eq!(
                service.decline(&known.request, "no").await.is_ok(),
                open,
                "{known:?}"
            );
        } else {
            let _ = service.cancel_job(job).await;
        }
        known.open = false;
    }

    /// Looks what was restored by the last step, and whether it was allowed to. `before`: what the target held.
    async fn check(&mut self, before: &[u8]) {
        let mut now = BTreeMap::new();
        for (job, known) in self.known.values() {
            let state = self.gated.state(job).await;
            let log = self.gated.house.service.job_log(job, 0).await.unwrap();
            let begun = log.iter().filter(|line| line.text == "restore begins").count();
            assert!(begun == 0 || known.approved, "{known:?} was never approved");
            let is_over = matches!(state.as_str(), "failed" | "cancelled");
            assert!(
                known.approved || state == "waiting" || is_over,
                "{known:?} is {state}"
            );
            if matches!(state.as_str(), "succeeded" | "warning") {
                now.insert(job.clone(), begun);
            }
        }
        let new: Vec<&String> = now
            .keys()
            .filter(|job| !self.restored.contains_key(*job))
            .collect();
        for (job, known) in self.known.values() {
            let seen_good = new.len() > 1 && known.target == GOOD;
            let is_new = new.contains(&job);
            assert!(
                !is_new || seen_good || known.target == before,
                "{known:?} had drifted"
            );
        }
        for (job, begun) in &self.restored {
            assert_eq!(now.get(job), Some(begun), "what was restored is not begun again");
        }
        let reasons = self.gated.house.reasons().await;
        let safety = reasons.iter().filter(|reason| *reason == "safety").count();
        assert!(
            safety <= now.len(),
            "{safety} safety backups for {} restores",
            now.len()
        );
        self.restored = now;
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Ask => self.ask().await,
            Step::LetExpire => self.gated.house.pass(Lapse::hours(25)),
            Step::Meddle => fs::write(self.gated.level(), b"meddled").unwrap(),
            Step::PutBack => fs::write(self.gated.level(), BAD).unwrap(),
            Step::Work => {
                self.gated.house.work().await;
            }
            Step::Restart => self.gated.house.service = self.gated.house.another().await,
            Step::To(which, what) => {
                if let Some(at) = self.known.len().checked_sub(which + 1) {
                    self.answer(at, what).await;
                }
            }
        }
    }

    async fn answer(&mut self, at: usize, what: Answer) {
        match what {
            Answer::Approve => self.approve(at, "world").await,
            Answer::WrongName => self.approve(at, "wrold").await,
            Answer::Decline => self.close(at, true).await,
            Answer::Cancel => self.close(at, false).await,
            Answer::Resume => {
                let job = self.known[&at].0.clone();
                let service = &self.gated.house.service;
                let _ = service.resume(Some(&job), &Progress::new(), &Cancel::new()).await;
            }
        }
    }
}

async fn play(steps: Vec<Step>) {
    let mut play = Play {
        gated: Gated::new(json!({})).await,
        known: BTreeMap::new(),
        restored: BTreeMap::new(),
    };
    for step in steps {
        let before = fs::read(play.gated.level()).unwrap();
        play.step(step).await;
        play.check(&before).await;
    }
    let restored = fs::read(play.gated.level()).unwrap() == GOOD;
    let approved = play.known.values().any(|(_, known)| known.approved);
    assert!(!restored || approved);
    play.gated.house.service.check_audit().await.unwrap();
}

#[test]
fn no_order_of_asking_and_answering_restores_what_nobody_approved_or_twice() {
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            run(play(steps));
            Ok(())
        })
        .unwrap();
}
