//! An opened service in a temporary folder, with a clock that stands still.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Cancel, Lapse, Progress, Reason, Result};
use serde_json::json;
use service::{BackupDone, BackupRequest, BackupView, Options, RestoreRequest, Restored, Service};
use tempfile::TempDir;
use testkit::FakeClock;

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) clock: FakeClock,
    pub(crate) service: Service,
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

impl House {
    /// With a folder `world` as the source of that name.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = FakeClock::new();
        let world = dir.path().join("world");
        fs::create_dir_all(world.join("region")).unwrap();
        fs::write(world.join("level.dat"), b"level one").unwrap();
        fs::write(world.join("region/r.0.0.mca"), vec![7; 50_000]).unwrap();
        let service = Service::open(options(&dir, &clock)).await.unwrap();
        service
            .add_source("world", "folder", &json!({ "paths": [world] }))
            .await
            .unwrap();
        House { dir, clock, service }
    }

    /// Another process on the same data directory.
    pub(crate) async fn another(&self) -> Service {
        Service::open(options(&self.dir, &self.clock)).await.unwrap()
    }

    /// Another process, for a command that is given at this moment.
    pub(crate) async fn another_asked_now(&self) -> Service {
        let mut options = options(&self.dir, &self.clock);
        options.asked = Some(model::Clock::now_ms(&self.clock));
        Service::open(options).await.unwrap()
    }

    /// Another process, whose server the world reaches at this address.
    pub(crate) async fn reached_at(&self, url: &str) -> Service {
        let mut options = options(&self.dir, &self.clock);
        options.url = Some(url.to_owned());
        Service::open(options).await.unwrap()
    }

    /// The same, with a mail server.
    pub(crate) async fn with_mail(&self, url: &str, mail: service::notify::Smtp) -> Service {
        let mut options = options(&self.dir, &self.clock);
        options.url = Some(url.to_owned());
        options.mail = Some(mail);
        Service::open(options).await.unwrap()
    }

    pub(crate) fn world(&self) -> PathBuf {
        self.dir.path().join("world")
    }

    pub(crate) fn pass(&self, lapse: Lapse) {
        self.clock.advance(lapse);
    }

    pub(crate) async fn back_up(&self, reason: Reason) -> Result<BackupDone> {
        let request = BackupRequest {
            reason,
            ..BackupRequest::manual("world")
        };
        let done = self
            .service
            .backup(&request, &Progress::new(), &Cancel::new())
            .await;
        // No two backups of one moment: their order is told by time.
        self.pass(Lapse::minutes(1));
        done
    }

    /// Restores the newest backup as it is planned.
    pub(crate) async fn restore(&self, backup: &str) -> Result<Restored> {
        let request = RestoreRequest {
            backup: backup.to_owned(),
            parts: Vec::new(),
            paths: Vec::new(),
            to: None,
            mode: None,
            deep: false,
            without_safety: None,
            leave_unsaved: false,
            typed: Some("world".to_owned()),
        };
        let (progress, cancel) = (Progress::new(), Cancel::new());
        let (plan, target) = self.service.plan_restore(&request, &progress, &cancel).await?;
        self.service
            .restore(&request, &plan, &target, &progress, &cancel)
            .await
    }

    /// Fires what is due and carries out what is queued.
    pub(crate) async fn work(&self) -> usize {
        let done = self.service.work_off(true, &Cancel::new()).await.unwrap();
        usize::try_from(done.jobs).unwrap()
    }

    pub(crate) async fn backups(&self) -> Vec<BackupView> {
        self.service.list_backups(Some("world"), 1000).await.unwrap()
    }

    pub(crate) async fn reasons(&self) -> Vec<String> {
        self.backups()
            .await
            .into_iter()
            .map(|backup| backup.reason)
            .collect()
    }

    /// What lies in the outbox.
    pub(crate) fn letters(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.dir.path().join("data/outbox")) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect()
    }
}

fn options(dir: &TempDir, clock: &FakeClock) -> Options {
    let mut options = Options::new(dir.path().join("data"));
    options.clock = Arc::new(clock.clone());
    options
}
