//! The things that are protected: add, list, change, check, remove.

use std::path::Path;

use catalog::paging::Within;
use catalog::sources::SourceRow;
use model::{Permission, Problem, Relation, Result, SourceId};
use serde::Serialize;
use serde_json::Value;

use crate::Service;
use crate::sources::sealed::{shown, told};

/// More ids with one end are nobody's accident.
const ALIKE: i64 = 20;

/// A source, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceView {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub settings: Value,
    pub created: i64,
}

pub(crate) fn view(row: &SourceRow) -> SourceView {
    SourceView {
        id: row.id.clone(),
        name: row.name.clone(),
        kind: row.kind.clone(),
        settings: shown(&row.settings),
        created: row.created,
    }
}

fn check_name(name: &str) -> Result<()> {
    let fits =
        !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control) && !name.contains('/');
    if fits && name.trim() == name && !matches!(name, "latest" | "live" | "." | "..") {
        return Ok(());
    }
    Err(Problem::invalid(format!("“{name}” cannot be a source's name"))
        .hint("1 to 100 characters, no slash, no white space at the ends; not “latest” nor “live”"))
}

impl Service {
    pub async fn add_source(&self, name: &str, kind: &str, settings: &Value) -> Result<SourceView> {
        self.may(Permission::CreateSource, None).await?;
        check_name(name)?;
        self.may_reach(kind, settings).await?;
        let row = self.insert_source(name, kind, settings, false).await?;
        if let Some(person) = self.caller.person_id() {
            self.put_grant(&person.to_string(), &row.id, Relation::Owner)
                .await?;
        }
        Ok(view(&row))
    }

    /// What names places of this machine, or runs something on it, is for those who may do that anywhere: owning one source is no way to it.
    async fn may_reach(&self, kind: &str, settings: &Value) -> Result<()> {
        let description = self.kinds().get(kind)?.description();
        let is_named = |name: &str| settings.get(name).is_some();
        if description
            .fields
            .iter()
            .any(|field| field.reaches_machine && is_named(field.name))
        {
            self.may(Permission::Settings, None).await?;
        }
        Ok(())
    }

    pub(crate) async fn insert_source(
        &self,
        name: &str,
        kind: &str,
        settings: &Value,
        hidden: bool,
    ) -> Result<SourceRow> {
        let id = SourceId::new(&self.options.clock, &self.options.random)?.to_string();
        let row = SourceRow {
            settings: self.checked_settings(kind, &id, settings)?,
            id,
            name: name.to_owned(),
            kind: kind.to_owned(),
            policy: "{}".to_owned(),
            node: self.options.node.clone(),
            created: self.now_ms(),
            hidden: i64::from(hidden),
        };
        let taken = |problem: Problem| match problem.kind() {
            model::Kind::Conflict => Problem::new(
                model::Kind::Conflict,
                format!("there is a source named “{name}” already"),
            )
            .hint("choose another name, or change that one with `cairn source edit`"),
            _ => problem,
        };
        self.catalog.add_source(&row).await.map_err(taken)?;
        self.audit("source.add", name, kind).await?;
        Ok(row)
    }

    pub async fn list_sources(&self) -> Result<Vec<SourceView>> {
        Ok(self.sources_seen().await?.iter().map(view).collect())
    }

    /// What is in somebody's lists, by name.
    pub(crate) async fn sources_seen(&self) -> Result<Vec<SourceRow>> {
        let mut rows = Vec::new();
        for within in self.reach().await?.sources {
            match within {
                Within::All | Within::Sources => rows.extend(self.catalog.list_sources().await?),
                Within::Granted { person, relations } => {
                    rows.extend(self.catalog.list_granted_sources(&person, &relations).await?);
                }
                Within::Source(id) => rows.extend(self.catalog.source(&id).await?),
                Within::Nowhere => {}
            }
        }
        rows.retain(|row| row.hidden == 0);
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(rows)
    }

    /// The sources in somebody's lists whose id ends with these eight digits: mostly one.
    pub async fn sources_ending(&self, end: &str) -> Result<Vec<SourceView>> {
        self.sight().await?;
        let mut seen = Vec::new();
        for row in self.catalog.sources_ending(end, ALIKE).await? {
            if self.could(Permission::See, Some(&row.id)).await? {
                seen.push(view(&row));
            }
        }
        Ok(seen)
    }

    pub async fn source(&self, wanted: &str) -> Result<SourceView> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::See, Some(&row.id)).await?;
        Ok(view(&row))
    }

    /// Changes name and settings; settings that are not named stay.
    pub async fn edit_source(&self, wanted: &str, name: Option<&str>, changes: &Value) -> Result<SourceView> {
        let mut row = self.source_row(wanted).await?;
        self.may(Permission::EditSource, Some(&row.id)).await?;
        if let Some(name) = name {
            check_name(name)?;
            name.clone_into(&mut row.name);
        }
        self.may_reach(&row.kind, changes).await?;
        row.settings = self.edited_settings(&row, changes)?;
        self.catalog.update_source(&row).await?;
        let told = told(self.kinds().get(&row.kind)?.description(), changes);
        self.audit("source.edit", &row.name, &told.to_string()).await?;
        Ok(view(&row))
    }

    /// Forgets a source; its backups stay.
    pub async fn remove_source(&self, wanted: &str) -> Result<SourceView> {
        let row = self.source_row(wanted).await?;
        self.may(Permission::RemoveSource, Some(&row.id)).await?;
        self.unschedule(&row.id).await?;
        self.catalog.delete_source(&row.id).await?;
        self.audit("source.remove", &row.name, "").await?;
        Ok(view(&row))
    }

    /// The source of this name, or one made just now for the folder at this path.
    pub(crate) async fn source_or_folder(&self, wanted: &str) -> Result<SourceView> {
        let missing = match self.source_row(wanted).await {
            Ok(row) => return Ok(view(&row)),
            Err(problem) => problem,
        };
        // Who may not name places of this machine is not told which there are. No source has a slash in its name.
        if wanted.contains('/') {
            self.may(Permission::Settings, None).await?;
        } else if !self.could(Permission::Settings, None).await? {
            return Err(missing);
        }
        let path = Path::new(wanted);
        if !path.is_dir() {
            return Err(missing.hint("name a source (`cairn source list`), or the path of a folder"));
        }
        let path = path
            .canonicalize()
            .map_err(|error| Problem::io(format!("cannot resolve {wanted}"), error))?;
        let rows = self.catalog.list_sources().await?;
        let found = self
            .kinds()
            .iter()
            .find_map(|kind| Some((kind.description().kind, kind.at_path(&path)?)));
        let Some((kind, settings)) = found else {
            return Err(missing);
        };
        if let Some(row) = rows
            .iter()
            .find(|row| row.kind == kind && is_just(row, &settings))
        {
            return Ok(view(row));
        }
        let plain = path
            .file_name()
            .map_or_else(|| kind.to_owned(), |name| name.to_string_lossy().into_owned());
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let free = std::iter::once(plain.clone())
            .chain(numbered)
            .find(|name| !rows.iter().any(|row| row.name == *name));
        self.add_source(&free.unwrap_or(plain), kind, &settings).await
    }
}

/// Does the source have these settings, whatever else is set of it?
fn is_just(row: &SourceRow, wanted: &Value) -> bool {
    let settings = shown(&row.settings);
    let mut wanted = wanted.as_object().into_iter().flatten();
    wanted.all(|(key, value)| settings.get(key) == Some(value))
}
