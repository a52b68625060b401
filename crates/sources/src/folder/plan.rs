//! What a restore would do to a folder.
//!
//! The living folder and the backup are walked side by side. Kind, size, times, mode, owner, attributes, link targets and which names are
//! one file decide; contents only when asked for. A folder of the backup whose listing is damaged is let be as it is, with everything in it. What the ignore rules leave out is neither counted nor deleted. A fingerprint of what is there goes into every item
//! that would touch something.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use model::{Action, Draft, FileKind, Item, Kind, MANIFEST_FILE, Meta, Mode, Problem, Result};
use serde_json::json;

use super::capture::options;
use super::ignore_rules::IgnoreRules;
use super::links::regrouped;
use super::walk::{open_living, walk};
use super::{Folder, Part};
use crate::{Context, Entry, Tree, Wanted};

/// Rough speed for the estimate: bytes a second.
const SPEED: u64 = 200 << 20;

pub(super) fn plan(folder: &Folder, tree: &dyn Tree, wanted: &Wanted, cx: &Context) -> Result<Draft> {
    let mut draft = Draft::default();
    for part in held(folder, tree, wanted, &mut draft)? {
        let comparison = Comparison {
            part,
            tree,
            wanted,
            cx,
            rules: options(folder, part, cx)?.ignore,
        };
        comparison.plan(folder, &mut draft)?;
    }
    // Deletions first, of what lies deepest first; then everything else from the top down.
    draft
        .items
        .sort_by_cached_key(|item| (item.action != Action::Delete, item.part.clone()));
    draft.seconds_estimate = draft.bytes / SPEED + draft.items.len() as u64 / 20_000;
    Ok(draft)
}

/// The parts that are meant. When none is named, those that the backup holds: the others stay as they are.
fn held<'a>(
    folder: &'a Folder,
    tree: &dyn Tree,
    wanted: &Wanted,
    draft: &mut Draft,
) -> Result<Vec<&'a Part>> {
    let mut parts = folder.chosen(&wanted.parts)?;
    let is_whole = parts.iter().any(|part| part.tree == Path::new(""));
    if is_whole || !wanted.parts.is_empty() {
        return Ok(parts);
    }
    let top = tree.list(Path::new(""))?;
    let (found, missing): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .partition(|part| top.iter().any(|entry| entry.path == part.tree));
    parts = found;
    if parts.is_empty() {
        // Asked for by name, it is said which one.
        return Ok(missing);
    }
    let stays = |part: &&Part| format!("{}: not in the backup, stays as it is", part.name);
    draft.warnings.extend(missing.iter().map(stays));
    let is_known =
        |path: &Path| path == Path::new(MANIFEST_FILE) || parts.iter().any(|part| part.tree == path);
    let strangers = top.iter().filter(|entry| !is_known(&entry.path));
    let left_out = strangers.map(|entry| {
        format!(
            "{}: not a part of this source, is not restored",
            entry.path.display()
        )
    });
    draft.warnings.extend(left_out);
    Ok(parts)
}

struct Comparison<'a> {
    part: &'a Part,
    tree: &'a dyn Tree,
    wanted: &'a Wanted,
    cx: &'a Context,
    rules: IgnoreRules,
}

type Living = BTreeMap<PathBuf, Meta>;

impl Comparison<'_> {
    fn plan(&self, folder: &Folder, draft: &mut Draft) -> Result<()> {
        let living = self.living(folder)?;
        let (backup, unknown) = self.backup(draft)?;
        let without_room: HashSet<&Path> = backup
            .iter()
            .filter(|(path, entry)| self.has_no_room(path, entry, &living))
            .map(|(path, _)| path.as_path())
            .collect();
        let restored = backup
            .iter()
            .filter(|(path, _)| !without_room.contains(path.as_path()));
        let regrouped = regrouped(
            &living,
            restored.map(|(path, entry)| (path.as_path(), &entry.meta)),
        );
        for (path, entry) in &backup {
            match living.get(path) {
                None => self.item(draft, Action::Create, path, &entry.meta, None),
                Some(_) if without_room.contains(path.as_path()) => {
                    draft.warnings.push(format!(
                        "{}: a folder that is not in the backup is in its place, and stays",
                        path.display()
                    ));
                    draft.keep += 1;
                }
                Some(now) if regrouped.contains(path.as_path()) => {
                    self.item(draft, Action::Update, path, &entry.meta, Some(now));
                }
                Some(now) if self.wanted.mode == Mode::Rebuild && !now.is_dir() => {
                    self.item(draft, Action::Update, path, &entry.meta, Some(now));
                }
                Some(now) if self.is_same(path, now, entry)? => draft.keep += 1,
                Some(now) => self.item(draft, Action::Update, path, &entry.meta, Some(now)),
            }
        }
        if self.wanted.mode != Mode::Merge {
            for (path, now) in living.iter().rev() {
                let is_unknown = unknown.iter().any(|folder| path.starts_with(folder));
                if !backup.contains_key(path) && !path.as_os_str().is_empty() && !is_unknown {
                    self.item(draft, Action::Delete, path, now, Some(now));
                }
            }
        }
        self.warn_about_space(draft);
        Ok(())
    }

    /// A merge deletes nothing, so a folder with something in it does not make way for a file.
    fn has_no_room(&self, path: &Path, entry: &Entry, living: &Living) -> bool {
        let above = (Bound::Excluded(path), Bound::Unbounded);
        let is_filled = || {
            living
                .range::<Path, _>(above)
                .next()
                .is_some_and(|(next, _)| next.starts_with(path))
        };
        let is_folder = living.get(path).is_some_and(Meta::is_dir);
        self.wanted.mode == Mode::Merge && is_folder && !entry.meta.is_dir() && is_filled()
    }

    fn is_chosen(&self, relative: &Path) -> bool {
        let full = self.part.tree.join(relative);
        self.wanted.paths.is_empty() || self.wanted.paths.iter().any(|path| full.starts_with(path))
    }

    /// Folders above a chosen path are made when they are missing, and otherwise let be.
    fn is_above_a_chosen(&self, relative: &Path) -> bool {
        let full = self.part.tree.join(relative);
        self.wanted
            .paths
            .iter()
            .any(|path| path.starts_with(&full) && *path != full)
    }

    fn living(&self, folder: &Folder) -> Result<Living> {
        let mut living = Living::new();
        match self.part.root.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(living),
            Err(error) => {
                return Err(Problem::io(
                    format!("cannot look at {}", self.part.root.display()),
                    error,
                ));
            }
            Ok(meta) if !meta.is_dir() => {
                return Err(Problem::new(
                    model::Kind::Conflict,
                    format!("{} is no folder", self.part.root.display()),
                )
                .hint("move it away, or restore elsewhere with --to"));
            }
            Ok(_) => {}
        }
        if self.is_chosen(Path::new("")) && self.part.tree != Path::new("") {
            living.insert(PathBuf::new(), super::walk::root_meta(&self.part.root)?);
        }
        let walked = walk(
            &self.part.root,
            &options(folder, self.part, self.cx)?,
            &mut |path, meta, _| {
                let is_staging = path.components().count() == 1 && is_staging(path);
                if !is_staging && (self.is_chosen(path) || self.is_above_a_chosen(path)) {
                    living.insert(path.to_path_buf(), meta);
                }
                Ok(())
            },
        )?;
        match walked.skipped.first() {
            None => Ok(living),
            Some((path, why)) => Err(Problem::new(
                model::Kind::Io,
                format!("{} cannot be read: {why}", self.part.root.join(path).display()),
            )
            .hint("a restore must know what is there; mend that first, or choose other paths with --path")),
        }
    }

    /// What the backup holds, without folders of which nobody knows what they hold, and those.
    fn backup(&self, draft: &mut Draft) -> Result<(BTreeMap<PathBuf, Entry>, Vec<PathBuf>)> {
        let mut found = BTreeMap::new();
        let mut unknown = Vec::new();
        let top = self.tree.stat(&self.part.tree)?.ok_or_else(|| {
            Problem::not_found(format!("the backup holds no part “{}”", self.part.name))
                .hint("`cairn show` lists the parts of a backup")
        })?;
        if self.part.tree != Path::new("") && self.is_chosen(Path::new("")) {
            found.insert(PathBuf::new(), top);
        }
        let mut open = vec![self.part.tree.clone()];
        while let Some(dir) = open.pop() {
            self.cx.cancel.check()?;
            let within = |path: &Path| path.strip_prefix(&self.part.tree).unwrap_or(path).to_path_buf();
            let listed = match self.tree.list(&dir) {
                Err(problem) if problem.kind() == Kind::Damaged && dir != self.part.tree => {
                    let told = format!(
                        "{}: what was in this folder cannot be restored, and stays as it is: {}",
                        dir.display(),
                        problem.message()
                    );
                    draft.warnings.push(told.clone());
                    draft.damaged.push(told);
                    found.remove(&within(&dir));
                    unknown.push(within(&dir));
                    continue;
                }
                other => other?,
            };
            for entry in listed {
                let relative = within(&entry.path);
                let (chosen, above) = (self.is_chosen(&relative), self.is_above_a_chosen(&relative));
                if self.rules.leaves_out(&relative, entry.meta.is_dir()) || !(chosen || above) {
                    continue;
                }
                if entry.meta.is_dir() {
                    open.push(entry.path.clone());
                }
                found.insert(relative, entry);
            }
        }
        match self.wanted.paths.iter().find(|path| {
            path.starts_with(&self.part.tree) && self.tree.stat(path).is_ok_and(|found| found.is_none())
        }) {
            None => Ok((found, unknown)),
            Some(path) => Err(
                Problem::not_found(format!("“{}” is not in this backup", path.display()))
                    .hint("`cairn ls` lists what is"),
            ),
        }
    }

    fn is_same(&self, relative: &Path, now: &Meta, entry: &Entry) -> Result<bool> {
        let then = &entry.meta;
        if self.is_above_a_chosen(relative) && now.is_dir() && then.is_dir() {
            return Ok(true);
        }
        let same = is_as_then(now, then);
        if !same || !self.wanted.deep || !now.is_file() {
            return Ok(same);
        }
        let path = self.part.root.join(relative);
        let mut file = open_living(&path)
            .map_err(|error| Problem::io(format!("cannot read {}", path.display()), error))?;
        self.tree.same_content(&entry.path, &mut file, self.cx)
    }

    fn item(&self, draft: &mut Draft, action: Action, relative: &Path, meta: &Meta, now: Option<&Meta>) {
        if action != Action::Delete && meta.is_file() {
            draft.bytes = draft.bytes.saturating_add(meta.size);
        }
        draft.items.push(Item {
            action,
            part: self.part.name.clone(),
            kind: word(meta).to_owned(),
            name: relative.display().to_string(),
            detail: detail(action, meta, now),
            fingerprint: now.map(fingerprint).unwrap_or_default(),
            data: json!({ "path": hex::encode(relative.as_os_str().as_bytes()) }),
        });
    }

    fn warn_about_space(&self, draft: &mut Draft) {
        if let Some(free) = free_bytes(&self.part.root)
            && draft.bytes > free
        {
            draft.warnings.push(format!(
                "{} are needed beside {}, and {} are free: the restore will be refused",
                model::Size(draft.bytes),
                self.part.root.display(),
                model::Size(free)
            ));
        }
    }
}

/// The relative path that an item is about.
pub(super) fn path_of(item: &Item) -> Result<PathBuf> {
    let text = item
        .data
        .get("path")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    let bytes =
        hex::decode(text).map_err(|_| Problem::damaged("a stored plan names a path that cannot be read"))?;
    Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
}

/// Folders that an apply made.
pub(super) fn is_staging(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_bytes().starts_with(b".cairn-restore-"))
}

/// Free bytes of the file system on which the folder lies, or will lie.
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|path| path.exists())?;
    let stat = rustix::fs::statvfs(existing).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

/// Everything but the contents.
pub(super) fn is_as_then(now: &Meta, then: &Meta) -> bool {
    let owner = |meta: &Meta| {
        rustix::process::geteuid()
            .is_root()
            .then_some((meta.uid, meta.gid))
    };
    let is_link = matches!(now.kind, FileKind::Symlink { .. });
    now.kind == then.kind
        && (is_link || now.mode == then.mode)
        && now.size == then.size
        && now.mtime == then.mtime
        && owner(now) == owner(then)
        && now.xattrs == then.xattrs
}

fn word(meta: &Meta) -> &'static str {
    match meta.kind {
        FileKind::File => "file",
        FileKind::Dir => "folder",
        FileKind::Symlink { .. } => "link",
        FileKind::BlockDevice { .. } | FileKind::CharDevice { .. } => "device",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
    }
}

/// By which a living thing is known again.
pub(super) fn fingerprint(meta: &Meta) -> String {
    let Meta {
        size,
        mtime,
        inode,
        mode,
        ..
    } = meta;
    // A folder's own time changes with every file in it; its items tell that.
    if meta.is_dir() {
        format!("{mode:o}")
    } else {
        format!("{size}-{}.{}-{inode}-{mode:o}", mtime.seconds, mtime.nanos)
    }
}

fn detail(action: Action, meta: &Meta, now: Option<&Meta>) -> String {
    let size = |meta: &Meta| model::Size(meta.size).to_string();
    match (action, now) {
        (Action::Update, Some(now)) if now.kind != meta.kind => format!("{} → {}", word(now), word(meta)),
        (Action::Update, Some(now)) if now.size != meta.size => format!("{} → {}", size(now), size(meta)),
        (Action::Update, Some(now)) if now.mtime != meta.mtime => "changed since".to_owned(),
        (Action::Update, Some(_)) => "mode, owner, attributes or hard links".to_owned(),
        _ if meta.is_file() => size(meta),
        _ => String::new(),
    }
}
