//! Every public verb of the service, with what it asks for.
//!
//! A verb stands in one of the three tables with the permissions that it asks for, in this order, or in `UNASKED` with the reason why not.

use std::pin::Pin;

use model::Permission::AppBackups;
use model::Permission::{
    self, Approve, Audit, BackUp, Cancel as Stop, CreateSource, Delete, Download, EditPolicy, EditSource,
    Import, Lock, People, RemoveSource, Rename, Repository, Restore, Schedule as SetSchedule, See,
    SeeSecrets, Settings, Tokens, Unlock, Verify,
};
use model::{Cancel, Preset, Progress, Relation, Result, Role, Schedule, Zone};
use serde_json::json;
use service::archive::{Format, Limits};
use service::{
    AdoptRequest, Agreement, AppChanges, BackupFilter, BackupRequest, ExportRequest, ImportRequest,
    JobFilter, Length, Level, PersonChanges, Received, Service, UploadRequest,
};

use crate::scene::{Copy, Scene, person, restore_request, token};

type Call = for<'a> fn(Service, &'a Scene, &'a Copy) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

pub(crate) struct Row {
    /// The verb, and after a blank in which way.
    pub(crate) verb: &'static str,
    /// What is asked, in this order, about the source `world` where it is about a source.
    pub(crate) asks: &'static [Permission],
    pub(crate) call: Call,
}

macro_rules! rows {
    ($($verb:literal [$($asks:ident),*] |$service:ident, $scene:ident, $copy:ident| $call:expr;)+) => {
        &[$(Row {
            verb: $verb,
            asks: &[$($asks),*],
            call: |$service, $scene, $copy| Box::pin(async move {
                let _ = ($scene, $copy);
                ($call).await.map(|_| ())
            }),
        }),+]
    };
}

/// An archive that somebody else has sent.
async fn received(x: &Scene, c: &Copy) -> Received {
    let mut upload = c.service.begin_upload("world", Length::Unknown).await.unwrap();
    upload.write(&std::fs::read(&x.archive).unwrap()).await.unwrap();
    upload.finish().await.unwrap()
}

fn busy() -> (Progress, Cancel) {
    (Progress::new(), Cancel::new())
}

pub(crate) const OF_SOURCES: &[Row] = rows! {
    "source" [See] |s, _x, _c| s.source("world");
    "check_source" [See] |s, _x, _c| s.check_source("world");
    "show_schedule" [See] |s, _x, _c| s.show_schedule("world");
    "policy" [See] |s, _x, _c| s.policy("world");
    "simulate" [See] |s, _x, _c| s.simulate("world", &json!({"retention": {"last": 1}}));
    "list_backups of-source" [See] |s, _x, _c| s.list_backups(Some("world"), 10);
    "set_schedule" [SetSchedule] |s, _x, _c| s.set_schedule("world", Schedule::off());
    "change_policy" [EditPolicy] |s, _x, _c| s.change_policy("world", &json!({"retention": {"last": 3}}));
    "use_preset" [EditPolicy] |s, _x, _c| async move { s.use_preset("world", Preset::Panel(2), &Zone::utc()).await };
    "try_channels" [EditPolicy] |s, _x, _c| s.try_channels("world");
    "edit_source" [EditSource] |s, _x, _c| s.edit_source("world", Some("worlds"), &json!({}));
    "remove_source" [RemoveSource] |s, _x, _c| s.remove_source("world");
    "add_source" [CreateSource, Settings] |s, _x, c| async move {
        let folder = c.root.join("elsewhere");
        std::fs::create_dir_all(&folder).unwrap();
        s.add_source("new", "folder", &json!({ "paths": [folder] })).await
    };
    "ask_backup" [BackUp] |s, _x, _c| async move { s.ask_backup(&BackupRequest::manual("world")).await };
    "backup" [BackUp] |s, _x, _c| async move { s.backup(&BackupRequest::manual("world"), &busy().0, &busy().1).await };
    "ask_backup of-folder" [Settings, CreateSource] |s, _x, c| async move {
        let folder = c.root.join("new");
        std::fs::create_dir_all(&folder).unwrap();
        s.ask_backup(&BackupRequest::manual(folder.display().to_string())).await
    };
    "backups_page of-source" [See] |s, _x, _c| async move {
        let filter = BackupFilter { source: Some("world".into()), ..BackupFilter::default() };
        s.backups_page(&filter, None, 10).await
    };
    "jobs_page of-source" [See] |s, _x, _c| async move {
        let filter = JobFilter { source: Some("world".into()), ..JobFilter::default() };
        s.jobs_page(&filter, None, 10).await
    };
    "asked_backups" [See] |s, _x, _c| s.asked_backups("world", 0, 20);
    "asked_backup" [See] |s, x, _c| s.asked_backup("world", &x.asked);
    "allowance" [See] |s, _x, _c| s.allowance("world", 600_000);
    "is_restoring" [See] |s, _x, _c| s.is_restoring("world");
    "dismiss_backup" [See, Delete] |s, x, _c| s.dismiss_backup("world", &x.asked);
    "purge" [Delete] |s, _x, _c| s.purge("world");
    "import" [Import] |s, x, _c| async move {
        let request = ImportRequest { file: x.archive.clone(), source: "world".into(), name: None, passphrase: None, limits: Limits::default() };
        s.import(request, &busy().0, &busy().1).await
    };
    "begin_upload" [Import] |s, _x, _c| s.begin_upload("world", Length::Unknown);
    "import_upload" [Import] |s, x, c| async move { s.import_upload(received(x, c).await, UploadRequest::default()).await };
    "restore_upload" [Import, Restore] |s, x, c| async move { s.restore_upload(received(x, c).await, UploadRequest::default()).await };
};

pub(crate) const OF_APPS: &[Row] = rows! {
    "enter_app_backups" [AppBackups] |s, _x, _c| s.enter_app_backups();
    "app_source" [AppBackups, See] |s, _x, _c| s.app_source(Some("world"));
    "app_settings" [AppBackups, See] |s, _x, _c| s.app_settings(Some("world"));
    "change_app_settings" [AppBackups, EditPolicy] |s, _x, _c| async move {
        let changes = AppChanges { retention: Some(2), ..AppChanges::default() };
        s.change_app_settings(Some("world"), &changes).await
    };
    "change_app_settings of-place" [AppBackups, EditPolicy, Settings] |s, _x, c| async move {
        let folder = c.root.join("archives");
        std::fs::create_dir_all(&folder).unwrap();
        let changes = AppChanges { place: Some(folder.display().to_string()), ..AppChanges::default() };
        s.change_app_settings(Some("world"), &changes).await
    };
    "change_app_settings of-paths" [AppBackups, EditPolicy, EditSource, Settings] |s, _x, c| async move {
        let folder = c.root.join("new");
        std::fs::create_dir_all(&folder).unwrap();
        let changes = AppChanges { paths: Some(vec![folder.display().to_string()]), ..AppChanges::default() };
        s.change_app_settings(Some("world"), &changes).await
    };
    "ask_app_backup" [AppBackups, BackUp] |s, _x, _c| s.ask_app_backup(Some("world"));
    "app_jobs" [AppBackups, See] |s, _x, _c| s.app_jobs(Some("world"));
    "app_job" [AppBackups, See] |s, x, _c| s.app_job(&x.restored);
    "delete_app_job" [AppBackups, Delete] |s, x, _c| s.delete_app_job(&x.restored);
};

pub(crate) const OF_BACKUPS: &[Row] = rows! {
    "show_backup" [See] |s, x, _c| s.show_backup(&x.backup);
    "make_link" [Download] |s, x, _c| s.make_link(&x.backup, Format::TarGz);
    "archive_file" [Download] |s, x, _c| s.archive_file(&x.backup);
    "ls" [See] |s, x, _c| async move { s.ls(&x.backup, "".as_ref(), true, &busy().1).await };
    "diff of-backups" [See, See] |s, x, _c| async move { s.diff(&x.backup, &x.backup, &busy().1).await };
    "diff with-the-living" [See] |s, x, _c| async move { s.diff(&x.backup, "live", &busy().1).await };
    "cat" [Download] |s, x, _c| s.cat(&x.backup, "world/level.dat".as_ref(), Vec::new());
    "cat_part" [Download] |s, x, _c| s.cat_part(&x.backup, "world/level.dat".as_ref(), 1, 2, Vec::new());
    "export" [Download] |s, x, _c| async move {
        let request = ExportRequest { backup: x.backup.clone(), format: "zip".parse()?, passphrase: None };
        s.export(request, Box::new(std::io::sink()), &busy().0, &busy().1).await
    };
    "lock_backup" [Lock] |s, x, _c| s.lock_backup(&x.backup, true);
    "lock_backup off" [Unlock] |s, x, _c| s.lock_backup(&x.backup, false);
    "accept_backup" [Delete] |s, x, _c| s.accept_backup(&x.backup);
    "rename_backup" [Rename] |s, x, _c| s.rename_backup(&x.backup, "new");
    "delete_backups" [Delete] |s, x, _c| s.delete_backups(std::slice::from_ref(&x.backup));
    "ask_verify" [Verify] |s, x, _c| s.ask_verify(Some(&x.backup));
    "file_size" [Download] |s, x, _c| s.file_size(&x.backup, "world/level.dat".as_ref());
    "verify" [Verify] |s, x, _c| async move { s.verify(Some(&x.backup), &busy().0, &busy().1).await };
    "plan_restore" [See, Restore] |s, x, _c| async move { s.plan_restore(&restore_request(&x.backup, None), &busy().0, &busy().1).await };
    "plan_restore to-folder" [See, Download, Settings] |s, x, c| async move {
        let folder = c.root.join("out").display().to_string();
        s.plan_restore(&restore_request(&x.backup, Some(&folder)), &busy().0, &busy().1).await
    };
    "ask_restore" [Restore] |s, x, _c| async move { s.ask_restore(&restore_request(&x.backup, None), &x.plan, &x.target).await };
    "ask_restore to-folder" [Download, Settings] |s, x, c| async move {
        let target = service::Target::Dir(c.root.join("out"));
        s.ask_restore(&restore_request(&x.backup, None), &x.plan, &target).await
    };
    "restore" [Restore] |s, x, _c| async move {
        s.restore(&restore_request(&x.backup, None), &x.plan, &x.target, &busy().0, &busy().1).await
    };
    "show_plan" [See] |s, x, _c| s.show_plan(&x.plan.id);
    "run_plan" [See, Restore] |s, x, _c| s.run_plan(&x.plan.id, &x.plan.hash, Some("world".into()));
    "ask_resume" [Restore] |s, x, _c| s.ask_resume(Some(&x.stopped));
    "resume" [Restore] |s, x, _c| async move { s.resume(Some(&x.stopped), &busy().0, &busy().1).await };
    "plan_undo" [Restore, See, Restore] |s, x, _c| async move { s.plan_undo(Some(&x.restored), &busy().0, &busy().1).await };
    "plan_undo_leaving" [Restore, See, Restore] |s, x, _c| async move { s.plan_undo_leaving(Some(&x.restored), true, &busy().0, &busy().1).await };
    "word_to_type" [See] |s, x, _c| s.word_to_type(&x.plan, &x.target);
    "follow_restore" [Restore] |s, x, _c| async move { s.follow_restore(&x.restored, &busy().0, &busy().1).await };
    "show_approval" [See] |s, x, _c| s.show_approval(&x.request);
    "approve" [Approve] |s, x, _c| async move {
        let agreement = Agreement { name: "world".into(), reason: "he asked me to".into() };
        s.approve(&x.request, &agreement).await
    };
    "decline" [Approve] |s, x, _c| s.decline(&x.request, "no");
    "show_job" [See] |s, x, _c| s.show_job(&x.queued);
    "job_log" [See] |s, x, _c| s.job_log(&x.queued, 0);
    "cancel_job" [Stop] |s, x, _c| s.cancel_job(&x.queued);
};

pub(crate) const OF_THE_HOUSE: &[Row] = rows! {
    "repository" [Repository] |s, _x, _c| s.repository();
    "expects_repository" [Repository] |s, _x, _c| s.expects_repository();
    "make_repository" [Repository] |s, _x, _c| s.make_repository(false);
    "kit" [Repository, SeeSecrets] |s, _x, _c| s.kit();
    "check_kit" [Repository] |s, _x, c| async move {
        let password = std::fs::read_to_string(c.root.join("data/keys/repository.password")).unwrap();
        s.check_kit(&password).await
    };
    "is_kit_confirmed" [Repository] |s, _x, _c| s.is_kit_confirmed();
    "recover" [Repository] |s, _x, _c| async move { s.recover(&service::RecoverRequest::default(), &busy().0, &busy().1).await };
    "verify all" [Repository] |s, _x, _c| async move { s.verify(None, &busy().0, &busy().1).await };
    "check" [Repository] |s, _x, _c| async move { s.check(Level::Structure, &busy().0, &busy().1).await };
    "plan_prune" [Repository] |s, _x, _c| async move { s.plan_prune(false, &busy().0, &busy().1).await };
    "prune" [Repository] |s, _x, _c| async move { s.prune(false, &busy().0, &busy().1).await };
    "repair" [Repository] |s, _x, _c| async move { s.repair(true, &busy().0, &busy().1).await };
    "foreign_snapshots" [Repository] |s, _x, _c| s.foreign_snapshots();
    "adopt_snapshot" [Repository] |s, _x, _c| async move {
        let request = AdoptRequest { snapshot: "0123456789".into(), ..AdoptRequest::default() };
        match s.adopt_snapshot(&request, &busy().0, &busy().1).await {
            // Whoever may is told that there is none; the whole way is tried with restic.
            Err(problem) if problem.kind() == model::Kind::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    };
    "stats" [Repository] |s, _x, _c| async move { s.stats(&busy().0, &busy().1).await };
    "copy_to" [Repository] |s, _x, c| async move {
        let to = c.root.join("copy").display().to_string();
        s.copy_to(&to, "a password", &busy().0, &busy().1).await
    };
    "remember_address" [Settings] |s, _x, _c| s.remember_address();
    "check_catalog" [Repository] |s, _x, _c| s.check_catalog();
    "list_audit" [Audit] |s, _x, _c| s.list_audit(5);
    "audit_page" [Audit] |s, _x, _c| s.audit_page(None, 5);
    "check_audit" [Audit] |s, _x, _c| s.check_audit();
    "add_person" [People] |s, _x, _c| async move { s.add_person(&person("new", Role::Viewer)).await };
    "list_people" [People] |s, _x, _c| s.list_people();
    "person" [People] |s, _x, _c| s.person("bob");
    "edit_person" [People] |s, _x, _c| async move { s.edit_person("bob", &PersonChanges::default()).await };
    "remove_person" [People] |s, _x, _c| s.remove_person("bob");
    "set_password" [People] |s, _x, _c| s.set_password("bob", "correct horse");
    "reset_totp" [People] |s, _x, _c| s.reset_totp("bob");
    "list_sessions" [People] |s, _x, _c| s.list_sessions("bob");
    "end_sessions" [People] |s, _x, _c| s.end_sessions("bob", None);
    "grant" [People] |s, _x, _c| s.grant("bob", "world", Relation::Owner);
    "revoke_grant" [People] |s, _x, _c| s.revoke_grant("bob", "world");
    "list_grants" [People] |s, _x, _c| s.list_grants("world");
    "first_set_up_token" [People] |s, _x, _c| s.first_set_up_token();
    "create_token" [Tokens] |s, _x, _c| async move { s.create_token(&token("bob", &["see"])).await };
    "list_tokens" [Tokens] |s, _x, _c| s.list_tokens(Some("bob"));
    "list_tokens everybodys" [Tokens] |s, _x, _c| s.list_tokens(None);
    "revoke_token" [Tokens] |s, x, _c| s.revoke_token(&x.bobs_token);
};

const LINK: &str = "the link was sent to somebody who is asked for in his name; tried in `approvals`";
const LISTS: &str = "shows of a list what the caller may see; tried in `lists_hold_what_somebody_may_see`";
const OWN: &str = "one's own account, which needs no permission; tried in `people`";
const DOOR: &str = "finds out who somebody is, before there is anybody to ask for";
const HOUSE: &str = "the house's own work: nothing comes in from a caller and nothing is told to him";
const PLAIN: &str = "tells how the instance is set up and nothing that is in it";

/// Verbs that ask for nothing, and why.
pub(crate) const UNASKED: &[(&str, &str)] = &[
    (
        "kinds",
        "what kinds of sources this program knows says nothing of anybody",
    ),
    (
        "follow_link",
        "a link was made for somebody who was allowed, and it expires",
    ),
    ("download", "as follow_link, which it needs"),
    (
        "begin_once",
        "remembers for who asks what he asked; what that is asks for itself",
    ),
    ("end_once", "as begin_once"),
    ("hold_once", "as begin_once"),
    ("ping", "says nothing but whether the catalog answers"),
    ("vitals", "holds what somebody may see"),
    (
        "look",
        "says nothing but whether the repository is where it was, to whoever opened the instance",
    ),
    ("ready", "says nothing but whether work can be done"),
    ("approval_of_link", LINK),
    ("approve_by_link", LINK),
    ("decline_by_link", LINK),
    ("list_approvals", LISTS),
    ("list_sources", LISTS),
    ("list_jobs", LISTS),
    ("sources_ending", LISTS),
    ("find", LISTS),
    ("change_password", OWN),
    ("begin_totp", OWN),
    ("confirm_totp", OWN),
    ("drop_totp", OWN),
    ("log_out", OWN),
    (
        "set_up_token",
        "tried in `people`, since here there is an administrator already",
    ),
    ("set_up", DOOR),
    ("needs_set_up", DOOR),
    ("log_in", DOOR),
    ("authenticate_session", DOOR),
    ("authenticate_token", DOOR),
    ("open", "makes the service"),
    ("close", HOUSE),
    ("hourly", HOUSE),
    ("tick", HOUSE),
    ("work_off", HOUSE),
    ("deliver_due", HOUSE),
    ("deliver_alone", HOUSE),
    ("settle_alone", HOUSE),
    ("is_served", PLAIN),
    ("acting", "takes a caller, whom only the service itself can make"),
    ("caller", PLAIN),
    ("watched", PLAIN),
    ("now_ms", PLAIN),
    ("zone", PLAIN),
    ("data", PLAIN),
    ("repository_address", PLAIN),
    ("is_address_remembered", PLAIN),
    ("knows_password", PLAIN),
    ("check_output", PLAIN),
    ("passwords_hashed", PLAIN),
];
