//! Problems: kind, message, hint, and what becomes of them at the doors.

use std::error::Error;
use std::io;

use model::{Kind, Problem};

#[test]
fn exit_codes_are_the_documented_ones() {
    for (kind, code) in [
        (Kind::Invalid, 2),
        (Kind::RepositoryMissing, 10),
        (Kind::Locked, 11),
        (Kind::WrongPassword, 12),
        (Kind::Refused, 20),
        (Kind::Unauthenticated, 20),
        (Kind::AwaitingApproval, 21),
        (Kind::Drifted, 22),
        (Kind::Cancelled, 130),
        (Kind::Interrupted, 130),
        (Kind::NotFound, 1),
        (Kind::Internal, 1),
    ] {
        assert_eq!(kind.exit_code(), code, "{kind}");
    }
}

#[test]
fn what_the_caller_did_wrong_is_told_from_what_went_wrong_here() {
    for (kind, status) in [
        (Kind::Invalid, 400),
        (Kind::TooSlow, 408),
        (Kind::TooLarge, 413),
        (Kind::WrongPassword, 422),
        (Kind::Damaged, 500),
        (Kind::NoSpace, 507),
    ] {
        assert_eq!(kind.http_status(), status, "{kind}");
    }
}

#[test]
fn json_uses_the_same_words_as_messages() {
    for kind in [Kind::NoSpace, Kind::WrongPassword, Kind::TooNew, Kind::Io] {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        assert!(kind.http_status() >= 400);
    }
}

#[test]
fn context_goes_before_the_message_and_keeps_the_rest() {
    let cause = io::Error::other("cable");
    let problem = Problem::not_found("no such file")
        .hint("look elsewhere")
        .caused_by(cause)
        .context("reading a");
    assert_eq!(problem.to_string(), "reading a: no such file");
    assert_eq!(
        (problem.kind(), problem.hint_text()),
        (Kind::NotFound, Some("look elsewhere"))
    );
    assert_eq!(problem.source().unwrap().to_string(), "cable");
}

#[test]
fn a_full_disk_is_told_from_other_errors_and_mendable_ones_have_a_hint() {
    let problem = |kind: io::ErrorKind| Problem::io("writing /a", kind.into());
    assert_eq!(problem(io::ErrorKind::StorageFull).kind(), Kind::NoSpace);
    assert_eq!(problem(io::ErrorKind::QuotaExceeded).kind(), Kind::NoSpace);
    assert_eq!(problem(io::ErrorKind::PermissionDenied).kind(), Kind::Io);
    assert!(problem(io::ErrorKind::PermissionDenied).hint_text().is_some());
    assert!(
        problem(io::ErrorKind::StorageFull)
            .message()
            .starts_with("writing /a: ")
    );
}
