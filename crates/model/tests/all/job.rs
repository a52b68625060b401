//! The states of jobs and the ways between them.

use model::{JobKind, JobState, Kind};

fn ways(kind: JobKind) -> String {
    let line = |from: &JobState| {
        let next: Vec<&str> = JobState::ALL
            .iter()
            .filter(|to| from.may_become(**to, kind))
            .map(|to| to.word())
            .collect();
        format!("{from}: {}\n", next.join(" "))
    };
    JobState::ALL.iter().map(line).collect()
}

const BACKUP: &str = "\
waiting: queued failed cancelled
queued: waiting running failed cancelled
running: waiting queued succeeded warning failed cancelled interrupted
succeeded: 
warning: 
failed: 
cancelled: 
interrupted: queued failed cancelled
";

#[test]
fn the_ways_of_a_backup() {
    assert_eq!(ways(JobKind::Backup), BACKUP);
}

#[test]
fn a_restore_may_be_resumed_after_a_failure_or_a_cancel() {
    let resumable = BACKUP.replace(
        "failed: \ncancelled: \n",
        "failed: queued cancelled\ncancelled: queued\n",
    );
    assert_eq!(ways(JobKind::Restore), resumable);
    assert_eq!(ways(JobKind::Import), resumable);
}

#[test]
fn every_state_is_reachable_from_the_beginning_and_only_ends_are_over() {
    for state in JobState::ALL {
        let goes_on = JobState::ALL
            .iter()
            .any(|to| state.may_become(*to, JobKind::Backup));
        assert!(goes_on || state.is_over(), "{state}");
        let is_reached = JobState::ALL
            .iter()
            .any(|from| from.may_become(*state, JobKind::Backup));
        assert!(is_reached, "{state}");
    }
}

#[test]
fn a_way_that_there_is_not_is_a_conflict_with_a_hint() {
    let problem = JobState::Succeeded
        .become_or_refuse(JobState::Cancelled, JobKind::Backup)
        .unwrap_err();
    assert_eq!(problem.kind(), Kind::Conflict);
    assert_eq!(
        problem.message(),
        "a backup job that is succeeded cannot become cancelled"
    );
    assert!(problem.hint_text().is_some());
    let queued = JobState::Interrupted
        .become_or_refuse(JobState::Queued, JobKind::Backup)
        .unwrap();
    assert_eq!(queued, JobState::Queued);
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let codes: Vec<u8> = JobState::ALL.iter().map(|state| state.exit_code()).collect();
    assert_eq!(codes, [21, 1, 1, 0, 3, 1, 130, 130]);
}

#[test]
fn what_touches_the_living_thing_does_so_alone() {
    let alone: Vec<&JobKind> = JobKind::ALL.iter().filter(|kind| kind.is_alone()).collect();
    assert_eq!(alone, [&JobKind::Backup, &JobKind::Restore]);
}
