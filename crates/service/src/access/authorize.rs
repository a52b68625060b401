//! The only judge: whether somebody may.
//!
//! Nouns: a caller's *standing* is what the catalog says of him now. Rules: every public verb asks [`Service::may`] before it does anything,
//! and the answer is that of `model::judge`; a role that was changed, a grant that was taken back and an account that was disabled count
//! from the next question on.
//! What nobody has told a person of does not exist for him: he finds it by no name. Every refusal is in the audit log.
//! The house itself (workers, the scheduler) is not asked: it does what somebody who was asked has ordered, in his name.

use catalog::jobs::JobRow;
use catalog::people::PersonRow;
use model::{
    Entitlement, Kind, Permission, Problem, Question, Relation, Result, Role, Scope, Verdict, judge,
};

use crate::Service;
use crate::access::visibility::Sight;
use crate::instance::{Caller, Who};

/// What the catalog says of a caller.
struct Standing {
    role: Role,
    /// Empty for who has no account.
    id: String,
    entitlement: Entitlement,
}

fn nobody() -> Problem {
    Problem::new(Kind::Unauthenticated, "nobody is signed in")
        .hint("sign in, or send a token: Authorization: Bearer cairn_…")
}

impl Service {
    /// The instance as the house itself uses it.
    pub(crate) fn house(&self) -> Service {
        self.acting(Caller::house(&self.options.who))
    }

    /// The house, in the name of who asked for a job.
    pub(crate) fn house_for(&self, job: &JobRow) -> Service {
        let name = job.person.as_deref().unwrap_or(&self.options.who);
        self.acting(Caller::house(name))
    }

    /// May the caller do this, to this source? An error when not, which is in the audit log by then.
    pub(crate) async fn may(&self, permission: Permission, source: Option<&str>) -> Result<()> {
        match self.denial(permission, source).await? {
            None => {
                self.caller.note(permission, source);
                Ok(())
            }
            Some(problem) => {
                // Who has no name yet could fill the log.
                if self.caller.who != Who::Nobody {
                    self.note_refusal(permission, source.unwrap_or_default()).await;
                }
                Err(problem)
            }
        }
    }

    /// Without a trace: for what is only not offered.
    pub(crate) async fn could(&self, permission: Permission, source: Option<&str>) -> Result<bool> {
        Ok(self.denial(permission, source).await?.is_none())
    }

    /// May the caller still do all that was granted when the answer was made that is to be repeated? What a plan has room for was asked then.
    pub(crate) async fn may_still(&self, rights: &str) -> Result<()> {
        for right in rights.lines() {
            let malformed = || Problem::damaged("what a remembered answer asks for is malformed");
            let (permission, source) = right.split_once('@').ok_or_else(malformed)?;
            let permission: Permission = permission.parse().map_err(|_| malformed())?;
            if permission != Permission::CreateSource {
                let source = Some(source).filter(|source| !source.is_empty());
                self.may(permission, source).await?;
            }
        }
        Ok(())
    }

    /// A job's source, or, where it has none, the repository.
    pub(crate) async fn may_job(&self, permission: Permission, job: &JobRow) -> Result<()> {
        match &job.source {
            Some(source) => self.may(permission, Some(source)).await,
            None => self.may(Permission::Repository, None).await,
        }
    }

    async fn denial(&self, permission: Permission, source: Option<&str>) -> Result<Option<Problem>> {
        let standing = match &self.caller.who {
            Who::House => return Ok(None),
            Who::Nobody => return Ok(Some(nobody())),
            _ => self.standing().await?,
        };
        let Some(standing) = standing else {
            return Ok(Some(nobody()));
        };
        let (entitlement, sources) = self.account(permission, source, &standing).await?;
        let question = Question {
            role: standing.role,
            permission,
            relation: self.relation(&standing.id, source).await?,
            source: source.and_then(|id| id.parse().ok()),
            scopes: self.caller.scopes(),
            entitlement: &entitlement,
            sources,
        };
        Ok(match judge(&question) {
            Verdict::Allow => None,
            Verdict::Deny(why) => Some(why.problem(standing.role, permission)),
        })
    }

    /// `None`: he is not, or no longer, let in.
    async fn standing(&self) -> Result<Option<Standing>> {
        let id = match &self.caller.who {
            Who::House | Who::Local => {
                return Ok(Some(Standing {
                    role: Role::Administrator,
                    id: String::new(),
                    entitlement: Entitlement::default(),
                }));
            }
            Who::Nobody => return Ok(None),
            Who::Person(id) => id.to_string(),
        };
        let row = self.catalog.person(&id).await?.filter(|row| row.disabled == 0);
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Standing {
            role: row.role.parse()?,
            entitlement: entitlement_of(&row)?,
            id,
        }))
    }

    pub(crate) async fn relation(&self, person: &str, source: Option<&str>) -> Result<Relation> {
        let Some(source) = source.filter(|_| !person.is_empty()) else {
            return Ok(Relation::None);
        };
        match self.catalog.grant(person, source).await? {
            Some(grant) => grant.relation.parse(),
            None => Ok(Relation::None),
        }
    }

    /// The plan that binds here, and how many sources its account has.
    async fn account(
        &self,
        permission: Permission,
        source: Option<&str>,
        standing: &Standing,
    ) -> Result<(Entitlement, u32)> {
        match (permission, source) {
            (Permission::Restore, Some(source)) => Ok((self.plan_of(source).await?, 0)),
            (Permission::CreateSource, _) => {
                let owned = self.catalog.count_owned(&standing.id).await?;
                Ok((
                    standing.entitlement.clone(),
                    u32::try_from(owned).unwrap_or(u32::MAX),
                ))
            }
            _ => Ok((Entitlement::default(), 0)),
        }
    }

    /// The plan of the account to which a source belongs. Of several owners the larger plan counts; what nobody owns is not bound.
    pub(crate) async fn plan_of(&self, source: &str) -> Result<Entitlement> {
        let texts = self.catalog.plans_of_owners(source).await?;
        let plans = texts
            .iter()
            .map(|text| entitlement(text))
            .collect::<Result<Vec<_>>>()?;
        let most = |of: fn(&Entitlement) -> Option<u32>| {
            let all: Option<Vec<u32>> = plans.iter().map(of).collect();
            all.and_then(|all| all.into_iter().max())
        };
        Ok(Entitlement {
            sources: most(|plan| plan.sources),
            backups: most(|plan| plan.backups),
            retention_days: most(|plan| plan.retention_days),
            restores: plans.is_empty() || plans.iter().any(|plan| plan.restores),
        })
    }

    pub(crate) async fn sight(&self) -> Result<Sight> {
        let standing = self.standing().await?.ok_or_else(nobody)?;
        Ok(Sight {
            is_house: self.caller.who == Who::House,
            role: standing.role,
            scopes: self.caller.scopes().to_vec(),
            person: standing.id,
        })
    }

    /// A refusal stands whether or not it can be written down.
    pub(crate) async fn note_refusal(&self, permission: Permission, source: &str) {
        let target = match self.catalog.source(source).await {
            Ok(Some(row)) => row.name,
            _ => source.to_owned(),
        };
        let what = format!("refused: {permission}");
        if let Err(problem) = self.audit(&what, &target, "").await {
            tracing::error!(
                "{} ({what}) is not in the audit log: {problem}",
                self.caller.name()
            );
        }
    }

    /// Something of a person's own account, for which he needs no permission; but not with a token that was made for less.
    pub(crate) fn owns_account(&self, person: &str) -> bool {
        let is_whole = self.caller.scopes().contains(&Scope::EVERYTHING);
        is_whole && matches!(&self.caller.who, Who::Person(id) if id.to_string() == person)
    }
}

pub(crate) fn entitlement_of(row: &PersonRow) -> Result<Entitlement> {
    entitlement(&row.entitlement)
}

fn entitlement(text: &str) -> Result<Entitlement> {
    serde_json::from_str(text).map_err(|error| {
        Problem::damaged("the plan of an account in the catalog is malformed")
            .hint("set it anew with `cairn person edit --plan`")
            .caused_by(error)
    })
}
