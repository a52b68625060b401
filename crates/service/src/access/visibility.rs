//! Which sources there are for somebody.
//!
//! Nouns: who *knows* of a source is told that it is there (an administrator, or whom it was granted to); who *sees* it has it in his lists,
//! as far as his token reaches; a *reach* is all that he sees. Rule: the judge is asked once for each relation and not for each source, so
//! that a list is one question to the database however many sources there are. Sources that a token names are few, and are asked for one by
//! one.

use std::collections::HashMap;

use catalog::jobs::JobRow;
use catalog::paging::{Among, Within};
use model::{Entitlement, Permission, Question, Relation, Result, Role, Scope, SourceId, judge};

use crate::Service;

/// Who looks.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) is_house: bool,
    pub(crate) role: Role,
    pub(crate) scopes: Vec<Scope>,
    /// Empty for who has no account: the house, and who is at the machine itself.
    pub(crate) person: String,
}

/// Who looks, with what he is to each source: for what is judged one by one.
#[derive(Debug)]
pub(crate) struct Eyes {
    sight: Sight,
    relations: HashMap<String, Relation>,
}

impl Eyes {
    fn relation(&self, source: &str) -> Relation {
        self.relations.get(source).copied().unwrap_or(Relation::None)
    }

    /// Is he told of it at all?
    pub(crate) fn knows(&self, source: &str) -> bool {
        self.sight.knows_all() || self.relation(source) != Relation::None
    }

    /// Is it in his lists?
    pub(crate) fn sees(&self, source: &str) -> bool {
        let relation = self.relation(source);
        self.sight.judges(Permission::See, relation, source.parse().ok())
    }

    /// Jobs without a source are the repository's.
    pub(crate) fn sees_job(&self, job: &JobRow) -> bool {
        match &job.source {
            Some(source) => self.sees(source),
            None => self.sight.judges(Permission::Repository, Relation::None, None),
        }
    }
}

/// What somebody has in his lists.
pub(crate) struct Reach {
    pub(crate) sources: Vec<Within>,
    /// And what belongs to no source.
    pub(crate) house: bool,
}

impl Reach {
    /// Where the jobs are that he sees.
    pub(crate) fn of_jobs(self) -> Vec<Within> {
        match (self.sources.as_slice(), self.house) {
            ([Within::Sources], true) => vec![Within::All],
            (_, true) => self.sources.into_iter().chain([Within::Nowhere]).collect(),
            (_, false) => self.sources,
        }
    }
}

impl Sight {
    fn knows_all(&self) -> bool {
        self.is_house || self.role == Role::Administrator
    }

    /// What he is told of.
    pub(crate) fn known(&self) -> Among<'_> {
        if self.knows_all() {
            Among::All
        } else {
            Among::Known(&self.person)
        }
    }

    /// What he is not told of, if there may be anything.
    pub(crate) fn unknown(&self) -> Option<Among<'_>> {
        (!self.knows_all()).then_some(Among::Unknown(&self.person))
    }

    /// All that he is told of.
    pub(crate) fn knows(&self) -> Within {
        if self.knows_all() {
            Within::All
        } else {
            self.granted(Relation::Granted, Relation::Owner)
        }
    }

    fn granted(&self, one: Relation, other: Relation) -> Within {
        Within::Granted {
            person: self.person.clone(),
            relations: [one, other].map(|relation| relation.word().to_owned()),
        }
    }

    fn judges(&self, permission: Permission, relation: Relation, source: Option<SourceId>) -> bool {
        let question = Question {
            role: self.role,
            permission,
            relation,
            source,
            scopes: &self.scopes,
            entitlement: &Entitlement::default(),
            sources: 0,
        };
        self.is_house || judge(&question).is_allowed()
    }
}

impl Service {
    pub(crate) async fn eyes(&self) -> Result<Eyes> {
        let sight = self.sight().await?;
        let mut relations = HashMap::new();
        if !sight.person.is_empty() {
            for grant in self.catalog.list_grants(Some(&sight.person)).await? {
                relations.insert(grant.source, grant.relation.parse()?);
            }
        }
        Ok(Eyes { sight, relations })
    }

    pub(crate) async fn reach(&self) -> Result<Reach> {
        let sight = self.sight().await?;
        let in_sight = |relation: &Relation| sight.judges(Permission::See, *relation, None);
        let seen: Vec<Relation> = Relation::ALL.iter().copied().filter(in_sight).collect();
        let sources = match seen[..] {
            [Relation::None, ..] => vec![Within::Sources],
            [one, .., other] => vec![sight.granted(one, other)],
            [one] => vec![sight.granted(one, one)],
            [] => self.named_in_scopes(&sight).await?,
        };
        let house = sight.judges(Permission::Repository, Relation::None, None);
        Ok(Reach { sources, house })
    }

    /// What a token sees that was made for some sources.
    async fn named_in_scopes(&self, sight: &Sight) -> Result<Vec<Within>> {
        let mut named: Vec<SourceId> = sight.scopes.iter().filter_map(|scope| scope.source).collect();
        named.sort_unstable();
        named.dedup();
        let mut seen = Vec::new();
        for source in named {
            let id = source.to_string();
            let relation = self.relation(&sight.person, Some(&id)).await?;
            if sight.judges(Permission::See, relation, Some(source)) {
                seen.push(Within::Source(id));
            }
        }
        Ok(seen)
    }
}
