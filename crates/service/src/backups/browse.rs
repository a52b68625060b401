//! Looking into backups: list, read, find, compare.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Action, Cancel, Kind, Meta, Needle, Permission, Problem, Result};
use repository::{Change, Tree};
use serde::Serialize;
use sources::{Context, Wanted};

use crate::Service;
use crate::backups::adapters::TreeOf;

/// An entry of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Listed {
    pub path: String,
    pub kind: String,
    pub size: u64,
    pub mode: String,
    /// Seconds since 1970.
    pub modified: i64,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FoundFile {
    pub backup: String,
    pub source: String,
    pub created: String,
    pub path: String,
    pub size: u64,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// `added`, `removed`, `changed`, `metadata`.
    pub change: String,
    pub path: String,
    pub detail: String,
}

fn kind(meta: &Meta) -> &'static str {
    match meta.kind {
        model::FileKind::File => "file",
        model::FileKind::Dir => "folder",
        model::FileKind::Symlink { .. } => "link",
        _ => "special",
    }
}

fn listed(entry: &repository::Entry) -> Listed {
    Listed {
        path: entry.path.display().to_string(),
        kind: kind(&entry.meta).to_owned(),
        size: entry.meta.size,
        mode: format!("{:04o}", entry.meta.mode),
        modified: entry.meta.mtime.seconds,
    }
}

/// A list that is handed over whole has at most so many items.
pub(crate) const LONGEST_LIST: usize = 500_000;
/// More files that fit are no answer to anybody.
const MOST_FOUND: usize = 10_000;

/// A list that refuses to grow beyond a bound.
struct Bounded<T> {
    items: Vec<T>,
    most: usize,
    instead: &'static str,
}

impl<T> Bounded<T> {
    fn new(most: usize, instead: &'static str) -> Self {
        Bounded {
            items: Vec::new(),
            most,
            instead,
        }
    }

    fn push(&mut self, item: T) -> Result<()> {
        if self.items.len() >= self.most {
            let most = model::grouped(self.most as u64);
            return Err(
                Problem::new(Kind::TooLarge, format!("the answer has more than {most} lines"))
                    .hint(self.instead),
            );
        }
        self.items.push(item);
        Ok(())
    }
}

impl Service {
    pub(crate) async fn tree_of(&self, snapshot: &str) -> Result<Tree> {
        let repository = self.opened().await?;
        let id = repository::Id::parse(snapshot)?;
        self.blocking(move || repository.tree(&repository.snapshot(&id)?))
            .await
    }

    /// What lies at a path; `recursive`: all that is below it.
    pub async fn ls(
        &self,
        backup: &str,
        path: &Path,
        recursive: bool,
        cancel: &Cancel,
    ) -> Result<Vec<Listed>> {
        let row = self.readable(backup).await?;
        self.may(Permission::See, Some(&row.source)).await?;
        let tree = self.tree_of(&row.snapshot).await?;
        let (path, cancel) = (path.to_path_buf(), cancel.clone());
        self.blocking(move || {
            let mut found = Bounded::new(LONGEST_LIST, "list one folder at a time, or fewer levels");
            if recursive {
                tree.walk(&path, &mut |entry| {
                    cancel.check()?;
                    found.push(listed(&entry))
                })?;
            } else if let Some(entry) = tree.stat(&path)?.filter(|entry| !entry.meta.is_dir()) {
                found.push(listed(&entry))?;
            } else {
                tree.list(&path)?
                    .iter()
                    .try_for_each(|entry| found.push(listed(entry)))?;
            }
            Ok(found.items)
        })
        .await
    }

    /// How many bytes `cat` would hand over.
    pub async fn file_size(&self, backup: &str, path: &Path) -> Result<u64> {
        let row = self.readable(backup).await?;
        self.may(Permission::Download, Some(&row.source)).await?;
        let tree = self.tree_of(&row.snapshot).await?;
        let path = path.to_path_buf();
        self.blocking(move || {
            let entry = tree.stat(&path)?.filter(|entry| kind(&entry.meta) == "file");
            let missing =
                || Problem::not_found(format!("there is no file {} in this backup", path.display()));
            Ok(entry.ok_or_else(missing)?.meta.size)
        })
        .await
    }

    /// Hands the bytes of a file over, piece by piece.
    pub async fn cat(
        &self,
        backup: &str,
        path: &Path,
        out: impl std::io::Write + Send + 'static,
    ) -> Result<u64> {
        self.cat_part(backup, path, 0, u64::MAX, out).await
    }

    /// The same from this byte on, and so many at most.
    pub async fn cat_part(
        &self,
        backup: &str,
        path: &Path,
        begin: u64,
        most: u64,
        mut out: impl std::io::Write + Send + 'static,
    ) -> Result<u64> {
        let row = self.readable(backup).await?;
        self.may(Permission::Download, Some(&row.source)).await?;
        let tree = self.tree_of(&row.snapshot).await?;
        let path = path.to_path_buf();
        self.blocking(move || {
            let mut file = tree.open(&path)?;
            file.seek(SeekFrom::Start(begin))
                .and_then(|_| std::io::copy(&mut file.take(most), &mut out))
                .map_err(|error| Problem::io(format!("cannot pass {} on", path.display()), error))
        })
        .await
    }

    /// Files whose path contains the text, newest backup first; the same content in the same place is named once per source.
    pub async fn find(&self, text: &str, source: Option<&str>, cancel: &Cancel) -> Result<Vec<FoundFile>> {
        let backups = self.list_backups(source, 10_000).await?;
        let needle = Arc::new(Needle::new(text)?);
        let mut seen = std::collections::HashSet::new();
        let mut found = Bounded::new(
            MOST_FOUND,
            "look for a longer piece of the path, or in one source",
        );
        let is_there = |backup: &crate::BackupView| !matches!(backup.state.as_str(), "missing" | "damaged");
        for backup in backups.into_iter().filter(is_there) {
            let tree = match self.tree_of(&backup.snapshot).await {
                // The others may have it.
                Err(problem) if matches!(problem.kind(), Kind::Damaged | Kind::Io) => {
                    tracing::warn!("backup {} is left out: {problem}", backup.id);
                    self.catalog.set_backup_state(&backup.id, "damaged").await?;
                    continue;
                }
                other => other?,
            };
            let (needle, cancel) = (Arc::clone(&needle), cancel.clone());
            let matching = self.blocking(move || search(&tree, &needle, &cancel)).await?;
            for entry in matching {
                let path = entry.path.display().to_string();
                if seen.insert((backup.source.clone(), path.clone(), entry.identity())) {
                    let (id, created) = (backup.id.clone(), backup.created.clone());
                    let file = FoundFile {
                        backup: id,
                        source: backup.source.clone(),
                        created,
                        path,
                        size: entry.meta.size,
                    };
                    found.push(file)?;
                }
            }
        }
        Ok(found.items)
    }

    /// What happened between two backups, or between a backup and the living thing (`live`).
    pub async fn diff(&self, a: &str, b: &str, cancel: &Cancel) -> Result<Vec<Difference>> {
        let before = self.readable(a).await?;
        self.may(Permission::See, Some(&before.source)).await?;
        let tree = self.tree_of(&before.snapshot).await?;
        if b == "live" {
            return self.diff_living(&before.source, tree, cancel).await;
        }
        let after = self.readable(b).await?;
        self.may(Permission::See, Some(&after.source)).await?;
        let other = self.tree_of(&after.snapshot).await?;
        let cancel = cancel.clone();
        self.blocking(move || {
            let mut found = Bounded::new(LONGEST_LIST, "restore into a folder and compare there");
            tree.diff(&other, &cancel, &mut |change| {
                if change.path() == Path::new(model::MANIFEST_FILE) {
                    return Ok(());
                }
                found.push(difference(&change))
            })?;
            Ok(found.items)
        })
        .await
    }

    async fn diff_living(&self, source: &str, tree: Tree, cancel: &Cancel) -> Result<Vec<Difference>> {
        let row = self.source_row(source).await?;
        let opened = self.open_source(&row)?;
        let (cancel, now_ms, tree) = (cancel.clone(), self.now_ms(), TreeOf(tree));
        let draft = self
            .blocking(move || {
                let cx = Context {
                    cancel,
                    now_ms,
                    recorded: tree.recorded()?.into(),
                    ..Context::default()
                };
                opened.plan(&tree, &Wanted::default(), &cx)
            })
            .await?;
        let word = |action| match action {
            // The plan says how to go back; this says what has happened since.
            Action::Create => "removed",
            Action::Delete => "added",
            _ => "changed",
        };
        let item = |item: &model::Item| {
            let path = PathBuf::from(&item.part).join(&item.name).display().to_string();
            Difference {
                change: word(item.action).to_owned(),
                path,
                detail: turned(&item.detail),
            }
        };
        Ok(draft.items.iter().map(item).collect())
    }
}

/// A plan says what will become of what is there; this says what has become of what was backed up.
fn turned(detail: &str) -> String {
    match detail.split_once(" → ") {
        Some((now, then)) => format!("{then} → {now}"),
        None => detail.to_owned(),
    }
}

fn search(tree: &Tree, needle: &Needle, cancel: &Cancel) -> Result<Vec<repository::Entry>> {
    let mut matching = Vec::new();
    tree.walk(Path::new(""), &mut |entry| {
        cancel.check()?;
        let path = entry.path.to_string_lossy().to_lowercase();
        if entry.path != Path::new(model::MANIFEST_FILE) && needle.fits(&path) {
            matching.push(entry);
        }
        Ok(())
    })?;
    Ok(matching)
}

fn difference(change: &Change) -> Difference {
    let size = |entry: &repository::Entry| model::Size(entry.meta.size).to_string();
    let (word, detail) = match change {
        Change::Added(entry) => (
            "added",
            if entry.meta.is_file() {
                size(entry)
            } else {
                String::new()
            },
        ),
        Change::Removed(entry) => (
            "removed",
            if entry.meta.is_file() {
                size(entry)
            } else {
                String::new()
            },
        ),
        Change::Content { before, after } => ("changed", format!("{} → {}", size(before), size(after))),
        Change::Metadata { .. } => ("metadata", String::new()),
    };
    Difference {
        change: word.to_owned(),
        path: change.path().display().to_string(),
        detail,
    }
}
