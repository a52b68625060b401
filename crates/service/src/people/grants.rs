//! What people are to sources: granted, or owner.
//!
//! Rules: a person has one relation to a source. A source that would be one more than the plan of its new owner includes is not given to him.

use catalog::grants::GrantRow;
use catalog::people::PersonRow;
use model::{Denial, Permission, Problem, Relation, Result, Role};
use serde::Serialize;

use crate::Service;
use crate::access::entitlement_of;

/// What a person is to a source, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct GrantView {
    pub person: String,
    /// The name; the id of one that is removed.
    pub source: String,
    pub source_id: String,
    #[schema(value_type = String)]
    pub relation: Relation,
    pub since: String,
}

impl Service {
    /// Gives a person a source to work with, or to own.
    pub async fn grant(&self, person: &str, source: &str, relation: Relation) -> Result<GrantView> {
        self.may(Permission::People, None).await?;
        if relation == Relation::None {
            return Err(Problem::invalid("nothing is granted by that").hint("take a grant back instead"));
        }
        let (person, source) = (self.person_row(person).await?, self.source_row(source).await?);
        if relation == Relation::Owner {
            self.has_room(&person, &source.id).await?;
        }
        self.put_grant(&person.id, &source.id, relation).await?;
        self.audit(&format!("grant.{relation}"), &source.name, &person.name)
            .await?;
        let views = self.grants_of(&person).await?;
        let view = views.into_iter().find(|view| view.source_id == source.id);
        view.ok_or_else(|| Problem::internal("a grant that was just made is gone"))
    }

    pub(crate) async fn put_grant(&self, person: &str, source: &str, relation: Relation) -> Result<()> {
        let row = GrantRow {
            person: person.to_owned(),
            source: source.to_owned(),
            relation: relation.word().to_owned(),
            created: self.now_ms(),
        };
        self.catalog.put_grant(&row).await
    }

    async fn has_room(&self, person: &PersonRow, source: &str) -> Result<()> {
        let grant = self.catalog.grant(&person.id, source).await?;
        let owns_it = grant.is_some_and(|grant| grant.relation == Relation::Owner.word());
        let most = entitlement_of(person)?.sources.filter(|_| !owns_it);
        let owned = self.catalog.count_owned(&person.id).await?;
        if most.is_none_or(|most| owned < i64::from(most)) {
            return Ok(());
        }
        Err(Denial::PlanFull.problem(Role::Owner, Permission::CreateSource))
    }

    /// Takes back what a person was to a source.
    pub async fn revoke_grant(&self, person: &str, source: &str) -> Result<()> {
        self.may(Permission::People, None).await?;
        let person = self.person_row(person).await?;
        let grants = self.grants_of(&person).await?;
        let known = |view: &&GrantView| view.source == source || view.source_id == source;
        let grant = grants.iter().find(known).ok_or_else(|| {
            Problem::not_found(format!("{} has nothing to do with “{source}”", person.name))
                .hint("`cairn person show` lists what he has")
        })?;
        self.catalog.delete_grant(&person.id, &grant.source_id).await?;
        self.audit("grant.revoke", &grant.source, &person.name).await
    }

    /// Who is what to a source.
    pub async fn list_grants(&self, source: &str) -> Result<Vec<GrantView>> {
        self.may(Permission::People, None).await?;
        let source = self.source_row(source).await?;
        let mut views = Vec::new();
        for person in self.catalog.list_people().await? {
            let of_source = |view: &GrantView| view.source_id == source.id;
            views.extend(self.grants_of(&person).await?.into_iter().filter(of_source));
        }
        Ok(views)
    }

    pub(crate) async fn grants_of(&self, person: &PersonRow) -> Result<Vec<GrantView>> {
        let mut views = Vec::new();
        for row in self.catalog.list_grants(Some(&person.id)).await? {
            let source = self.catalog.source(&row.source).await?;
            views.push(GrantView {
                person: person.name.clone(),
                source: source.map_or_else(|| row.source.clone(), |source| source.name),
                source_id: row.source,
                relation: row.relation.parse()?,
                since: model::moment_text(row.created),
            });
        }
        Ok(views)
    }
}
