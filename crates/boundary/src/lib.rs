//! The boundary between a living thing and the rest of the house.
//!
//! Nouns: a *source* can be inspected, captured, planned against and applied to. *Parts* are the
//! pieces of it that can be chosen; each part is one entry or folder at the root of the tree, named as
//! a person would name it. The *sink* takes entries; the *tree* gives them back. The *journal* remembers
//! which steps of an apply were begun and done.
//!
//! Rules:
//! 1. `capture` returns `Err`, or a required entry cannot be read to its end → no backup comes to be. Streams are read
//!    later than they are announced, on other threads: what depends on them (counts, facts, the exit status of a program) is known
//!    after [`Sink::settle`]. A stream whose writer failed ends with an error, never with an early end.
//! 2. `plan` only reads. Planning against a just restored thing gives an empty draft (that is also how
//!    a restore is verified, with `deep`).
//! 3. `apply` is idempotent by step: called again with the same plan and the journal of a run that was
//!    killed anywhere, it ends in the state that one undisturbed run would have reached. A step whose
//!    effect cannot be repeated is recorded as begun *before* its effect.
//! 4. Before `apply` changes the living thing for the first time it tells the journal so ([`Journal::changing`]).
//! 5. What the safety backup does not hold is not touched: `find_saved` says where a capture holds the version of a thing that an item of
//!    the plan would delete or overwrite, and `plan` names beforehand what no capture can hold ([`Draft::unsaved`]).
//! 6. A backup says nothing about what it lacks ([`Recorded::lacks`]): `plan` keeps what is there now.
//! 7. Everything long looks at `cx.cancel` at least once a second and returns `Kind::Cancelled`.
//! 8. All calls block; the service makes them on threads of its own.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Cancel, Content, Draft, Item, Lacks, Meta, Mode, Plan, Progress, Result};
use serde::{Deserialize, Serialize};

mod broken_off;

pub use broken_off::{Doubt, doubts, name_of};

/// What accompanies every long call.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub cancel: Cancel,
    pub progress: Progress,
    /// Milliseconds since 1970 UTC at the start of the job.
    pub now_ms: i64,
    /// The job's id; sources use it to name staging places so that a later run finds them.
    pub job: String,
    /// Before a restore: what is not there at all is captured as empty, since that is what an undo comes back to.
    pub absent_is_empty: bool,
    /// A private folder (0700) for temporary copies; removed after the job.
    pub scratch: PathBuf,
    /// Of a plan or an apply: what the manifest says of the backup that is restored.
    pub recorded: Arc<Recorded>,
}

/// What was written down when a backup was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// What may have been there and is not in the backup.
    pub lacks: Lacks,
    /// What its source wanted back; see [`Captured::facts`].
    pub facts: serde_json::Value,
}

/// What a part is, before anything is captured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Its name, which is also its name at the root of the tree.
    pub name: String,
    pub category: String,
    /// For people: what it holds.
    pub about: String,
    pub required: bool,
    /// Rough sizes, when they are cheap to know.
    pub items: Option<u64>,
    pub bytes: Option<u64>,
}

/// Something that stands in the way, with how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    pub part: Option<String>,
    pub message: String,
    pub hint: String,
    /// A blocking obstacle means that a backup would fail.
    pub blocking: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub parts: Vec<PartInfo>,
    pub obstacles: Vec<Obstacle>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedPart {
    pub name: String,
    pub category: String,
    /// For people: `20,412 files`.
    pub holds: String,
    pub items: u64,
    pub bytes: u64,
    pub warnings: Vec<String>,
}

/// What a capture took; goes into the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    pub parts: Vec<CapturedPart>,
    /// Things that were left out on purpose, for people.
    pub left_out: Vec<String>,
    /// The patterns that held, part by part, and what else is lacking that the sink was not told.
    #[serde(default)]
    pub lacks: Lacks,
    /// What only the source understands and wants back at restore (versions, schema hash, row counts).
    pub facts: serde_json::Value,
}

/// What it means for the backup when an entry cannot be read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No backup comes to be.
    Required,
    /// The backup comes to be without it, and is marked as incomplete.
    MayLack,
}

/// An entry that was announced and is not in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    pub path: PathBuf,
    pub why: String,
    /// Its length when it was announced.
    pub size: u64,
}

/// Takes the entries of a capture. Entries come in the order described in `model::entry`.
pub trait Sink {
    /// Announces an entry. Its content may be read much later.
    fn entry(&mut self, path: &Path, meta: Meta, content: Content, need: Need) -> Result<()>;
    /// Something is there that could not be read, and is not required: the backup is incomplete.
    fn skipped(&mut self, path: &Path, why: String);
    /// Something was deleted between two looks: told, and nothing is lacking.
    fn vanished(&mut self, path: &Path, why: String);
    /// Something is there that does not belong into a backup: it is whole without it.
    fn left_out(&mut self, path: &Path, why: String);
    /// Waits until everything announced so far was read. Fails when a required entry could not be; otherwise all those
    /// that may lack and do, since the beginning.
    fn settle(&mut self) -> Result<Vec<Lacking>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the tree.
    pub path: PathBuf,
    pub meta: Meta,
    /// Identity of the content (and, for a directory, of everything below it) inside the repository:
    /// equal identities mean equal bytes.
    pub content_id: String,
}

pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// What to write where when a part of a tree becomes files.
#[derive(Clone, Debug, Default)]
pub struct Materialize {
    /// Folder that is written into; made when absent.
    pub into: PathBuf,
    /// (path in the tree, path below `into`). Directories are written with nothing below them, so
    /// list what is wanted. Directories before what lies in them.
    pub entries: Vec<(PathBuf, PathBuf)>,
}

/// An entry that was not written, because what is stored of it is damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwritten {
    /// Path below `into`.
    pub to: PathBuf,
    pub why: String,
}

/// The tree of a backup.
pub trait Tree: Send + Sync {
    /// Children of a directory in ascending order of their names; `""` is the root.
    fn list(&self, dir: &Path) -> Result<Vec<Entry>>;
    fn stat(&self, path: &Path) -> Result<Option<Entry>>;
    fn open(&self, path: &Path) -> Result<Box<dyn ReadSeek>>;
    /// Does this stream hold exactly the bytes of that file? Reads the stream, not the repository.
    fn same_content(&self, path: &Path, stream: &mut dyn Read, cx: &Context) -> Result<bool>;
    /// Writes many entries as files at once, in the repository's best order, in parallel, with all
    /// their metadata, every byte verified. Never follows a link. What is damaged stops only what needs it: that is not there, and is
    /// given back.
    fn materialize(&self, order: &Materialize, cx: &Context) -> Result<Vec<Unwritten>>;
}

/// What is asked for at planning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub mode: Mode,
    /// Empty = all parts of the backup.
    pub parts: Vec<String>,
    /// Paths inside the tree (`world/level.dat`); empty = everything of the parts.
    pub paths: Vec<PathBuf>,
    /// Compare contents and not only sizes and times.
    pub deep: bool,
    /// Leave alone what no safety backup can hold; otherwise the plan only names it.
    #[serde(default)]
    pub leave_unsaved: bool,
}

/// A step of an apply, as the journal remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub key: String,
    pub done: bool,
    pub data: serde_json::Value,
}

/// Remembers the steps of one apply, durably, before the call returns.
pub trait Journal {
    /// What an earlier run of the same job left, in order of first recording.
    fn steps(&self) -> &[Step];
    /// Records that the step with this key is begun (`done = false`) or done. A later record of the
    /// same key replaces the earlier one.
    fn record(&mut self, key: &str, done: bool, data: serde_json::Value) -> Result<()>;
    /// Records many at once: one durable write.
    fn record_all(&mut self, steps: Vec<Step>) -> Result<()>;

    /// From here on the living thing is changed: noted durably before the call returns. A failure means that it must not be.
    fn changing(&mut self) -> Result<()> {
        Ok(())
    }

    fn find(&self, key: &str) -> Option<&Step> {
        self.steps().iter().find(|step| step.key == key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub name: String,
    pub why: String,
}

/// What an apply did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub applied: model::Counts,
    pub skipped: Vec<Skipped>,
    pub warnings: Vec<String>,
    /// Old identity → new identity of what was created anew.
    pub ids: Vec<(String, String)>,
}

/// What holds the living thing still (a server stopped, a tenant locked): a step of the job's journal, begun *before* anything is stopped
/// and done once it is released, so that any process can go on with it or release it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub data: serde_json::Value,
}

impl Hold {
    /// The step's key.
    pub const STEP: &'static str = "hold";

    /// What this job still holds, from this run or an earlier one.
    pub fn of(journal: &dyn Journal) -> Option<Hold> {
        let step = journal.find(Hold::STEP).filter(|step| !step.done)?;
        Some(Hold {
            data: step.data.clone(),
        })
    }

    /// Remembers it; then, and only then, it may be carried out.
    pub fn begin(&self, journal: &mut dyn Journal) -> Result<()> {
        journal.record(Hold::STEP, false, self.data.clone())
    }

    /// Nothing is held any more.
    pub fn end(self, journal: &mut dyn Journal) -> Result<()> {
        journal.record(Hold::STEP, true, self.data)
    }
}

/// The plan being applied together with what was asked for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub plan: &'a Plan,
    pub wanted: &'a Wanted,
}

/// A living thing of some kind.
pub trait Source: Send + Sync {
    fn inspect(&self, cx: &Context) -> Result<Inspection>;

    /// Fills the sink with the chosen parts (empty = all).
    fn capture(&self, parts: &[String], sink: &mut dyn Sink, cx: &Context) -> Result<Captured>;

    fn plan(&self, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Draft>;

    /// Where in the tree of a capture of this source lies what the item would delete or overwrite, in the version that the plan saw;
    /// nothing when the capture lacks it or holds another version.
    fn find_saved(&self, item: &Item, capture: &dyn Tree) -> Result<Option<PathBuf>>;

    fn apply(
        &self,
        request: &Request<'_>,
        tree: &dyn Tree,
        journal: &mut dyn Journal,
        cx: &Context,
    ) -> Result<Outcome>;

    /// Before a restore that was broken off goes on: what has somebody changed since, of what it would still touch? `now` is the
    /// plan that would be made at this moment. The names, for people. A kind that leaves an item half-way when it is killed says here
    /// what that looks like; of the others every doubt is somebody's change.
    fn changed_since(
        &self,
        request: &Request<'_>,
        now: &Draft,
        _tree: &dyn Tree,
        _journal: &dyn Journal,
        _cx: &Context,
    ) -> Result<Vec<String>> {
        let doubts = doubts(&request.plan.draft, now);
        Ok(doubts.iter().map(|doubt| name_of(doubt.planned)).collect())
    }

    /// Removes what a restore that will never go on has left beside the living thing, where that loses nothing. `is_safe`: all that
    /// its plan would touch is in a backup that was verified. What stays, for people.
    fn tidy(&self, _request: &Request<'_>, _is_safe: bool, _cx: &Context) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Can it tell whether the thing is stopped?
    fn is_guarded(&self) -> bool {
        false
    }

    /// Would `hold` refuse now? For who asks, before anything is queued.
    fn check_hold(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    /// Is the thing in a state in which it may be restored? Stops or locks it where its settings say so; refuses
    /// with a hint otherwise. Called before the safety backup, so that this holds what the restore will find. Idempotent; when it fails
    /// half-way, `release` is called all the same.
    fn hold(&self, _journal: &mut dyn Journal, _cx: &Context) -> Result<()> {
        Ok(())
    }

    /// Undoes `hold`, whatever happened in between, also when the job was cancelled; also called by another process after a crash.
    /// Idempotent; without a hold in the journal it does nothing.
    fn release(&self, _journal: &mut dyn Journal, _cx: &Context) -> Result<()> {
        Ok(())
    }
}
