//! What the types of the code do not say: which texts are moments, and which are one of a few words.
//!
//! Nouns: a *place* is a schema and one of its fields, `JobView.started`. A field that may be null stays so. A place that is in no schema is
//! a fault, and the tests find it.

use model::{ApprovalState, JobKind, JobState, Kind, Reason, Relation, Role};

/// Texts in RFC 3339.
pub(super) const MOMENTS: &[&str] = &[
    "ApprovalView.backup_created",
    "ApprovalView.created",
    "ApprovalView.decided",
    "ApprovalView.expires",
    "AuditLine.at",
    "BackupView.accepted",
    "BackupView.created",
    "BackupView.verified",
    "Begun.expires",
    "Fate.created",
    "FoundFile.created",
    "GrantView.since",
    "JobView.created",
    "JobView.ended",
    "JobView.started",
    "Link.expires",
    "LogLine.at",
    "PersonView.created",
    "PersonView.last_seen",
    "PlanDocument.created",
    "PlanDocument.expires",
    "ScheduleView.enabled",
    "ScheduleView.last",
    "ScheduleView.next",
    "SessionView.created",
    "SessionView.expires",
    "SessionView.seen",
    "Source.created",
    "TokenMade.expires",
    "TokenView.created",
    "TokenView.expires",
    "TokenView.last_used",
    "TokenView.revoked",
];

/// A closed set of words, with the places at which one of them stands.
pub(super) struct Words {
    pub(super) name: &'static str,
    pub(super) allowed: Vec<&'static str>,
    pub(super) places: &'static [&'static str],
}

pub(super) fn closed_sets() -> Vec<Words> {
    let set = |name, allowed, places| Words {
        name,
        allowed,
        places,
    };
    vec![
        set(
            "JobKind",
            JobKind::ALL.iter().map(|kind| kind.word()).collect(),
            &["JobView.kind"],
        ),
        set(
            "JobState",
            JobState::ALL.iter().map(|state| state.word()).collect(),
            &["JobView.state"],
        ),
        set(
            "ProblemKind",
            Kind::ALL.iter().map(|kind| kind.word()).collect(),
            &["JobError.kind", "Problem.kind"],
        ),
        set(
            "BackupReason",
            Reason::ALL.iter().map(|reason| reason.word()).collect(),
            &["BackupView.reason", "Fate.reason"],
        ),
        set("BackupState", service::STANDINGS.to_vec(), &["BackupView.state"]),
        set(
            "ApprovalState",
            ApprovalState::ALL.iter().map(|state| state.word()).collect(),
            &["ApprovalView.state"],
        ),
        set(
            "Relation",
            Relation::ALL.iter().map(|relation| relation.word()).collect(),
            &["GrantView.relation"],
        ),
        set(
            "Role",
            Role::ALL.iter().map(|role| role.word()).collect(),
            &["PersonView.role"],
        ),
        set(
            "Action",
            vec!["delete", "create", "update", "keep"],
            &["PlanItem.action"],
        ),
        set(
            "Mode",
            vec!["replace", "merge", "rebuild"],
            &["PlanDocument.mode", "Sheet.mode"],
        ),
        set(
            "ChangeKind",
            vec!["added", "removed", "changed", "metadata"],
            &["Difference.change"],
        ),
        set("Level", vec!["info", "warning", "error"], &["LogLine.level"]),
        set(
            "EventName",
            vec!["job", "log", "end", "problem"],
            &["EventDocument.event"],
        ),
    ]
}
