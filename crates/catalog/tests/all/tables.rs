//! The stories of what runs by itself and of what is on its way: `schedules` and `outbox`.

use catalog::Catalog;
use catalog::jobs::NewJob;
use catalog::outbox::OutboxRow;
use catalog::schedules::{Firing, ScheduleRow};

fn mark(name: &str, next: Option<i64>) -> ScheduleRow {
    ScheduleRow {
        name: name.into(),
        source: Some("s1".into()),
        enabled: 10,
        last: None,
        next,
    }
}

fn job(id: &str) -> NewJob {
    NewJob {
        id: id.into(),
        kind: "backup".into(),
        source: Some("s1".into()),
        alone: true,
        node: "elsewhere".into(),
        request: "{}".into(),
        person: None,
        created: 1,
    }
}

pub(crate) async fn schedules(catalog: &Catalog) {
    for row in [mark("a", Some(100)), mark("b", Some(200)), mark("c", None)] {
        catalog.put_schedule(&row).await.unwrap();
    }
    let names = |rows: Vec<ScheduleRow>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    let due = async |now, future| names(catalog.due_schedules(now, future, 10).await.unwrap());
    assert_eq!(due(99, 1_000).await, Vec::<String>::new());
    assert_eq!(due(200, 1_000).await, ["a", "b"]);
    assert_eq!(
        due(0, 9).await,
        ["a", "b"],
        "marks of a wrong clock are looked at"
    );
    assert_eq!(names(catalog.due_schedules(200, 1_000, 1).await.unwrap()), ["a"]);
    let firing = |id: &str| Firing {
        was_next: Some(100),
        marks: ScheduleRow {
            last: Some(100),
            ..mark("a", Some(300))
        },
        job: Some(job(id)),
    };
    assert_eq!(catalog.fire_schedules(&[firing("f1")]).await.unwrap(), 1);
    assert_eq!(catalog.fire_schedules(&[firing("f2")]).await.unwrap(), 0, "once");
    assert!(catalog.job("f1").await.unwrap().is_some());
    assert_eq!(catalog.job("f2").await.unwrap(), None);
    assert_eq!(catalog.open_jobs("backup", "s1").await.unwrap(), ["f1"]);
    catalog.cancel_job("f1", 1).await.unwrap();
    let fired = catalog.schedule("a").await.unwrap().unwrap();
    assert_eq!((fired.last, fired.next), (Some(100), Some(300)));
    catalog.delete_schedule("a").await.unwrap();
    assert_eq!(names(catalog.list_schedules().await.unwrap()), ["b", "c"]);
}

pub(crate) async fn outbox(catalog: &Catalog) {
    let row = |id: &str, next: i64| OutboxRow {
        id: id.into(),
        source: None,
        channel: "{}".into(),
        notice: "{}".into(),
        attempts: 0,
        next: Some(next),
        problem: String::new(),
        created: next,
    };
    for (id, next) in [("o2", 20), ("o1", 10), ("o3", 30)] {
        catalog.add_outgoing(&row(id, next)).await.unwrap();
    }
    assert_eq!(
        catalog.due_outgoing(20, 10).await.unwrap(),
        [row("o1", 10), row("o2", 20)]
    );
    assert!(catalog.take_outgoing(&row("o1", 10), 100).await.unwrap());
    assert!(
        !catalog.take_outgoing(&row("o1", 10), 100).await.unwrap(),
        "one sender"
    );
    assert_eq!(catalog.due_outgoing(20, 10).await.unwrap(), [row("o2", 20)]);
    catalog.put_off_outgoing("o1", None, "refused").await.unwrap();
    let given_up = OutboxRow {
        attempts: 1,
        next: None,
        problem: "refused".into(),
        ..row("o1", 10)
    };
    assert_eq!(
        catalog.list_outgoing(10).await.unwrap(),
        [row("o3", 30), row("o2", 20), given_up]
    );
    catalog.delete_given_up(10).await.unwrap();
    assert_eq!(catalog.list_outgoing(10).await.unwrap().len(), 3);
    catalog.delete_given_up(11).await.unwrap();
    catalog.delete_outgoing("o2").await.unwrap();
    assert_eq!(catalog.list_outgoing(10).await.unwrap(), [row("o3", 30)]);
}
