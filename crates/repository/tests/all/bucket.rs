//! A bucket whose server stumbles: what passes is overcome, what does not pass is told, and nothing is damaged by either.

mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Cancel, Kind, Problem, Progress};
use repository::storage::{Bucket, Class, Patience, Storage};
use repository::{Id, Level, Repository};

use crate::sample::{self, all_snapshots_read, create, open, read, write};
use server::{Fault, Often, Plan, Server};

/// Much patience for what passes, little for what does not.
const PASSES: Duration = Duration::from_mins(1);
const STAYS: Duration = Duration::from_millis(300);
/// No problem may take longer to be told, on any machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn bucket(server: &Server, total: Duration, request: Duration) -> Arc<dyn Storage> {
    let address = format!("s3:{}/bucket/prefix", server.address);
    let settings = [("access_key_id", "test"), ("secret_access_key", "test")];
    let patience = Patience {
        connect: Duration::from_secs(10),
        request,
        total,
        pause: Duration::from_millis(1),
        ..Patience::default()
    };
    Arc::new(Bucket::open_patiently(&address, &settings, &patience).unwrap())
}

fn is_clean(repository: &Repository) {
    let report = repository
        .check(Level::Data, &Progress::new(), &Cancel::new())
        .unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// Create, back up twice, forget, prune, check, read.
fn whole_life(storage: &Arc<dyn Storage>) {
    let repository = create(storage);
    let first = write(&repository, None, &sample::files(1), 1).unwrap();
    let second = write(&repository, Some(&first), &sample::files(2), 2).unwrap();
    repository.forget(&[first.id]).unwrap();
    repository.prune(0, &Progress::new(), &Cancel::new()).unwrap();
    let again = open(storage).unwrap();
    assert_eq!(read(&again, &second).unwrap(), sample::files(2));
    is_clean(&again);
    assert_eq!(storage.list(Class::Lock).unwrap(), []);
}

#[test]
fn a_repository_lives_where_every_request_fails_once() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Empty,
        Fault::Reset,
        Fault::Lost,
        Fault::Torn,
    ] {
        println!("{fault:?}");
        let server = Server::start();
        server.plan(Some(Plan {
            fault,
            often: Often::OncePerRequest,
            only: &[],
        }));
        whole_life(&bucket(&server, PASSES, PASSES));
        assert!(server.faults() > 50, "{} faults", server.faults());
    }
}

#[test]
fn a_server_that_falls_silent_once_is_asked_again() {
    let server = Server::start();
    server.plan(Some(Plan {
        fault: Fault::Silent,
        often: Often::OncePerMethod,
        only: &[],
    }));
    whole_life(&bucket(&server, PASSES, Duration::from_secs(2)));
    assert!(server.faults() >= 4, "{} faults", server.faults());
}

/// The problem says what was wanted, where, and what to do; and it says so in time.
fn is_told<T: std::fmt::Debug>(server: &Server, began: Instant, outcome: Result<T, Problem>) {
    let problem = outcome.unwrap_err();
    assert_eq!(problem.kind(), Kind::Unavailable, "{problem}");
    assert!(problem.message().starts_with("cannot "), "{problem}");
    assert!(problem.message().contains(&server.address), "{problem}");
    assert!(problem.hint_text().is_some());
    assert!(began.elapsed() < DEADLINE, "{problem}");
}

#[test]
fn a_fault_that_stays_is_told_in_time_and_damages_nothing() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Empty,
        Fault::Reset,
        Fault::Lost,
        Fault::Torn,
        Fault::Silent,
    ] {
        println!("{fault:?}");
        let server = Server::start();
        let patient = bucket(&server, PASSES, PASSES);
        let first = write(&create(&patient), None, &sample::files(1), 1).unwrap();
        let before = server.names();
        let hasty = bucket(&server, STAYS, STAYS);
        let key = open(&patient).unwrap().master_key().clone();
        let repository = || Repository::open_with_key(hasty.clone(), key.clone(), sample::options()).unwrap();
        let always = |only| {
            server.plan(None);
            let opened = repository();
            server.plan(Some(Plan {
                fault,
                often: Often::Always,
                only,
            }));
            (opened, Instant::now())
        };
        let (reader, began) = always(&["GET /bucket/prefix/data", "GET /bucket/prefix/index"]);
        is_told(&server, began, read(&reader, &first));
        let (pruner, began) = always(&["GET /bucket?"]);
        is_told(&server, began, pruner.prune(0, &Progress::new(), &Cancel::new()));
        assert_eq!(server.names(), before);
        let (writer, began) = always(&["PUT /bucket/prefix/data", "HEAD /bucket/prefix/data"]);
        is_told(&server, began, write(&writer, None, &sample::files(2), 2));
        server.plan(None);
        assert_eq!(all_snapshots_read(&open(&patient).unwrap()), 1);
        write(&open(&patient).unwrap(), None, &sample::files(2), 3).unwrap();
        assert_eq!(all_snapshots_read(&open(&patient).unwrap()), 2);
        is_clean(&open(&patient).unwrap());
    }
}

#[test]
fn a_creation_whose_answer_was_lost_is_no_conflict_with_itself() {
    let server = Server::start();
    server.plan(Some(Plan {
        fault: Fault::Lost,
        often: Often::OncePerRequest,
        only: &["PUT"],
    }));
    let storage = bucket(&server, PASSES, PASSES);
    storage.put_new(Class::Config, &Id::default(), b"ours").unwrap();
    let conflict = storage
        .put_new(Class::Config, &Id::default(), b"another's")
        .unwrap_err();
    assert_eq!(conflict.kind(), Kind::Conflict);
    assert_eq!(storage.get(Class::Config, &Id::default()).unwrap(), b"ours");
}

#[test]
fn what_the_server_refuses_is_not_asked_again() {
    let server = Server::start();
    for status in [400, 405, 411] {
        server.plan(Some(Plan {
            fault: Fault::Status(status),
            often: Often::Always,
            only: &[],
        }));
        let storage = bucket(&server, PASSES, PASSES);
        let refused = storage.get_range(Class::Pack, &Id::default(), 5, 5).unwrap_err();
        assert!(refused.message().contains(&status.to_string()), "{refused}");
        assert_eq!(server.faults(), 1);
    }
}

#[test]
fn wrong_credentials_are_told_at_once() {
    let server = Server::start();
    server.plan(Some(Plan {
        fault: Fault::Status(403),
        often: Often::Always,
        only: &[],
    }));
    let refused = open(&bucket(&server, PASSES, PASSES)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
    assert!(
        refused
            .hint_text()
            .is_some_and(|hint| hint.contains("AWS_ACCESS_KEY_ID"))
    );
    assert!(server.faults() <= 2, "asking again does not help");
}

/// So little patience that a test need not wait.
fn hasty(address: &str) -> Arc<dyn Storage> {
    let settings = [("access_key_id", "test"), ("secret_access_key", "test")];
    let patience = Patience {
        silence: Duration::from_millis(50),
        probe: Duration::from_secs(2),
        ..Patience::default()
    };
    let address = format!("s3:{address}/bucket/prefix");
    Arc::new(Bucket::open_patiently(&address, &settings, &patience).unwrap())
}

#[test]
fn a_dead_server_is_told_within_half_a_minute() {
    let usual = Patience::default();
    assert!(
        usual.silence + usual.probe < DEADLINE * 2 / 3,
        "and there is time left to clean up"
    );
    // Takes connections, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap(), silent);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for address in [
        format!("http://{}", silent.0),
        format!("http://{nobody}"),
        // Addresses for documentation: nobody ever answers, or the network says so at once.
        "http://192.0.2.1:9".to_owned(),
        "http://nowhere.invalid".to_owned(),
    ] {
        let began = Instant::now();
        let problem = open(&hasty(&address)).unwrap_err();
        assert_eq!(problem.kind(), Kind::Unavailable, "{problem}");
        assert!(problem.message().contains("does not answer"), "{problem}");
        assert!(problem.message().contains(&address), "{problem}");
        assert!(problem.hint_text().is_some_and(|hint| hint.contains("network")));
        assert!(began.elapsed() < DEADLINE, "{problem}");
    }
}

#[test]
fn a_server_that_dies_in_the_middle_is_told_once_and_the_rest_ends_soon() {
    let server = Server::start();
    let patient = bucket(&server, PASSES, PASSES);
    let first = write(&create(&patient), None, &sample::files(1), 1).unwrap();
    let key = open(&patient).unwrap().master_key().clone();
    let opened =
        || Repository::open_with_key(hasty(&server.address), key.clone(), sample::options()).unwrap();
    let (reader, writer) = (opened(), opened());
    server.plan(Some(Plan {
        fault: Fault::Silent,
        often: Often::Always,
        only: &[],
    }));
    let began = Instant::now();
    is_told(&server, began, read(&reader, &first));
    is_told(&server, began, write(&writer, None, &sample::files(2), 2));
    server.plan(None);
    write(&writer, None, &sample::files(2), 3).unwrap();
    assert_eq!(
        all_snapshots_read(&open(&patient).unwrap()),
        2,
        "what answers again is used again"
    );
}

#[test]
fn a_slow_server_that_is_alive_is_waited_for() {
    let server = Server::start();
    let patient = bucket(&server, PASSES, PASSES);
    let first = write(&create(&patient), None, &sample::files(1), 1).unwrap();
    let key = open(&patient).unwrap().master_key().clone();
    let repository = Repository::open_with_key(hasty(&server.address), key, sample::options()).unwrap();
    server.plan(Some(Plan {
        fault: Fault::SlowUntilAskedTwice,
        often: Often::OncePerMethod,
        only: &["GET /bucket/prefix/data"],
    }));
    assert_eq!(read(&repository, &first).unwrap(), sample::files(1));
    assert_eq!(server.faults(), 1);
}
