"""A round trip by the Python client that was generated from the description: python round_trip.py URL FOLDER."""

import sys
import urllib.request
from pathlib import Path

from cairn_client.api.app import (
    app_settings,
    cancel_app_job,
    change_app_settings,
    delete_app_job,
    download_app_backup,
    list_app_jobs,
    run_app_backup,
    show_app_job,
)
from cairn_client.api.backups import delete_backup, list_backups, make_backup, make_link, show_backup
from cairn_client.api.contents import list_files, read_file
from cairn_client.api.jobs import cancel_job, job_log, list_jobs, show_job
from cairn_client.api.panel import panel_backups, panel_create_backup, panel_server, panel_servers
from cairn_client.api.people import create_token, log_in, show_me
from cairn_client.api.policies import set_schedule
from cairn_client.api.restores import plan_restore, run_plan
from cairn_client.api.sources import add_source, list_sources
from cairn_client.client import AuthenticatedClient, Client
from cairn_client.models import (
    AppBackupWanted,
    AppError,
    AppJob,
    AppJobStatus,
    AppPreset,
    AppScheduleChanges,
    AppSettings,
    AppSettingsChanges,
    BackupReason,
    BackupState,
    BackupView,
    Begun,
    FormatWord,
    JobState,
    JobView,
    Link,
    LinkFields,
    LogInFields,
    NewBackup,
    NewSource,
    NewSourceSettings,
    NewTokenFields,
    PanelBackup,
    PanelErrors,
    PlanDocument,
    Problem,
    ProblemKind,
    Queued,
    RestoreFields,
    RunFields,
    ScheduleFields,
    Source,
    TokenMade,
)

url, folder = sys.argv[1], Path(sys.argv[2])
UNDER_WAY = {JobState.WAITING, JobState.QUEUED, JobState.RUNNING}


def expect(kind, value):
    assert isinstance(value, kind), value
    return value


def follow(job):
    while (view := expect(JobView, show_job.sync(job, client=client))).state in UNDER_WAY:
        pass
    assert view.state == JobState.SUCCEEDED, view
    assert view.ended >= view.started >= view.created
    return view


# Log in, and make a token by the session.
browser = Client(base_url=url, headers={"Origin": url})
wrong = expect(Problem, log_in.sync(client=browser, body=LogInFields(name="ann", password="not this one")))
assert wrong.kind == ProblemKind.UNAUTHENTICATED and wrong.status == 401
password = "correct horse battery staple"
begun = expect(Begun, log_in.sync(client=browser, body=LogInFields(name="ann", password=password)))
assert begun.name == "ann"
token = expect(TokenMade, create_token.sync(client=browser, body=NewTokenFields(name="python")))
client = AuthenticatedClient(base_url=url, token=token.token)
assert show_me.sync(client=client).name == "ann"

# A folder, and its backup.
settings = NewSourceSettings.from_dict({"paths": [str(folder)]})
source = expect(Source, add_source.sync(client=client, body=NewSource(name="py", kind="folder", settings=settings)))
assert source.id in [one.id for one in list_sources.sync(client=client)]
asked = expect(Queued, make_backup.sync(client=client, body=NewBackup(source="py", name="first")))
follow(asked.job)
assert [line.text for line in job_log.sync(asked.job, client=client)] is not None
page = list_backups.sync(client=client, source="py", reason=BackupReason.MANUAL)
[backup] = page.items
assert (backup.id, backup.reason, backup.state) == (asked.backup, BackupReason.MANUAL, BackupState.OK)
assert backup.created.tzinfo is not None
assert asked.job in [job.id for job in list_jobs.sync(client=client, source="py").items]
names = [entry.path for entry in list_files.sync(backup.id, client=client, recursive=True)]
inside = f"{folder.name}/level.dat"
assert inside in names, names

# What is lost is planned, and comes back.
level = folder / "level.dat"
before = level.read_bytes()
level.write_bytes(b"griefed")
plan = expect(PlanDocument, plan_restore.sync(backup.id, client=client, body=RestoreFields()))
assert plan.counts.update == 1 and plan.expires > plan.created
stale = run_plan.sync(plan.id, client=client, body=RunFields(hash_="0" * 64, confirm=plan.confirm))
assert expect(Problem, stale).status in (400, 409), stale
run = expect(Queued, run_plan.sync(plan.id, client=client, body=RunFields(hash_=plan.hash_, confirm=plan.confirm)))
follow(run.job)
assert level.read_bytes() == before

# Downloads: one file, and the whole.
assert read_file.sync(backup.id, client=client, path=inside).payload.read() == before
link = expect(Link, make_link.sync(backup.id, client=client, body=LinkFields(format_=FormatWord.TAR_GZ)))
assert urllib.request.urlopen(link.url).read(2) == b"\x1f\x8b"

# What is wrong is told in types, too.
nothing = expect(Problem, show_backup.sync("no-such-backup", client=client))
assert (nothing.kind, nothing.status) == (ProblemKind.NOT_FOUND, 404) and nothing.detail
stranger = AuthenticatedClient(base_url=url, token="cairn_nonsense")
assert expect(Problem, list_sources.sync(client=stranger)).kind == ProblemKind.UNAUTHENTICATED
twice = expect(Problem, add_source.sync(client=client, body=NewSource(name="py", kind="folder", settings=settings)))
assert twice.kind == ProblemKind.CONFLICT, twice
assert expect(Problem, cancel_job.sync(run.job, client=client)).kind == ProblemKind.CONFLICT
nonsense = set_schedule.sync("py", client=client, body=ScheduleFields(schedule="now and then"))
assert expect(Problem, nonsense).kind == ProblemKind.INVALID

# The API of app backups.
now = expect(AppSettings, app_settings.sync(client=client, source="py"))
assert now.path == "" and now.extra_paths == [str(folder)]
weekly = AppScheduleChanges(preset=AppPreset.WEEKLY, day_of_week="mon,wed,fri", hour="4", minute="0")
now = change_app_settings.sync(client=client, source="py", body=AppSettingsChanges(retention=5, schedule=weekly))
now = expect(AppSettings, now)
assert (now.retention, now.schedule.day_of_week) == (5, "mon,wed,fri")
job = expect(AppJob, run_app_backup.sync(client=client, body=AppBackupWanted(source="py")))
while (job := expect(AppJob, show_app_job.sync(job.id, client=client))).status in (
    AppJobStatus.PENDING,
    AppJobStatus.RUNNING,
):
    pass
assert job.status == AppJobStatus.SUCCEEDED and job.can_download and job.completed_at >= job.created_at
archive = download_app_backup.sync_detailed(job.id, client=client)
assert archive.status_code == 200 and archive.content[:2] == b"\x1f\x8b"
job = expect(AppJob, show_app_job.sync(job.id, client=client))
assert job.file_size == len(archive.content)
assert expect(AppError, cancel_app_job.sync(job.id, client=client)).detail == "This job cannot be canceled."
assert job.id in [one.id for one in list_app_jobs.sync(client=client, source="py")]
assert delete_app_job.sync_detailed(job.id, client=client).status_code == 204

# And that of panels.
servers = panel_servers.sync(client=client)
assert source.id in [server.attributes.uuid for server in servers.data]
made = expect(PanelBackup, panel_create_backup.sync(source.id, client=client))
assert made.attributes.uuid in [one.attributes.uuid for one in panel_backups.sync(source.id, client=client).data]
missing = expect(PanelErrors, panel_server.sync("00000000", client=client))
assert missing.errors[0].status == "404"

gone = delete_backup.sync_detailed(backup.id, client=client)
assert gone.status_code == 204, gone
print("done")
