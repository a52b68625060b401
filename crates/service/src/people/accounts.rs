//! People: add, list, change, disable, remove; and their passwords.
//!
//! Rules: names are unique without regard to case; nobody is called like the house. There is always an administrator who can come in, once
//! there was one. Whose password changes is signed out everywhere else, and who is disabled at once.

use catalog::people::PersonRow;
use model::{Entitlement, Kind, Permission, PersonId, Problem, Result, Role, nearest};
use serde::Serialize;

use crate::Service;
use crate::access::{Tried, entitlement_of};
use crate::people::grants::GrantView;

/// The setting that holds the hash of the set-up token, until there is an administrator.
pub(crate) const SET_UP: &str = "set-up token";

/// A person, as doors show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PersonView {
    pub id: String,
    pub name: String,
    #[schema(value_type = String)]
    pub role: Role,
    pub email: String,
    pub disabled: bool,
    /// What the account's plan includes.
    #[schema(value_type = Object)]
    pub plan: Entitlement,
    /// Can he log in with a password?
    pub password: bool,
    /// Is a code asked for as well?
    pub totp: bool,
    pub created: String,
    pub last_seen: Option<String>,
    pub grants: Vec<GrantView>,
}

#[derive(Clone, Debug)]
pub struct NewPerson {
    pub name: String,
    pub role: Role,
    /// Without one he comes in by tokens only.
    pub password: Option<String>,
    pub email: Option<String>,
    pub plan: Entitlement,
}

/// What is not named stays.
#[derive(Clone, Debug, Default)]
pub struct PersonChanges {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub email: Option<String>,
    pub disabled: Option<bool>,
    pub plan: Option<Entitlement>,
}

pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn check_email(email: &str) -> Result<()> {
    let fits = email.is_empty() || (email.len() <= 254 && outbound::is_mail_address(email));
    if fits {
        return Ok(());
    }
    Err(Problem::invalid(format!("“{email}” is not an e-mail address"))
        .hint("for example ann@example.org; an empty one takes it away"))
}

pub(crate) fn taken(name: &str) -> impl Fn(Problem) -> Problem + '_ {
    move |problem| match problem.kind() {
        Kind::Conflict => Problem::new(
            Kind::Conflict,
            format!("there is a person named “{name}” already"),
        )
        .hint("choose another name; letter case does not count"),
        _ => problem,
    }
}

impl Service {
    fn check_person_name(&self, name: &str) -> Result<()> {
        let plain = !name.chars().any(|c| c.is_control() || c == '/');
        let fits = (1..=64).contains(&name.chars().count()) && plain && name.trim() == name;
        let own = ["cairn", "nobody", &self.options.who].map(folded);
        if fits && !own.contains(&folded(name)) {
            return Ok(());
        }
        Err(
            Problem::invalid(format!("“{name}” cannot be a person's name")).hint(format!(
                "1 to 64 characters, no slash, no white space at the ends; not {}",
                own.join(", ")
            )),
        )
    }

    pub(crate) async fn person_to_add(&self, person: &NewPerson) -> Result<PersonRow> {
        self.check_person_name(&person.name)?;
        let email = person.email.clone().unwrap_or_default();
        check_email(&email)?;
        let password = match &person.password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        Ok(PersonRow {
            id: PersonId::new(&self.options.clock, &self.options.random)?.to_string(),
            folded: folded(&person.name),
            name: person.name.clone(),
            role: person.role.word().to_owned(),
            password,
            totp: None,
            totp_pending: None,
            totp_step: None,
            email,
            disabled: 0,
            entitlement: plan_text(&person.plan)?,
            created: self.now_ms(),
            last_seen: None,
        })
    }

    pub async fn add_person(&self, person: &NewPerson) -> Result<PersonView> {
        self.may(Permission::People, None).await?;
        let row = self.person_to_add(person).await?;
        self.may_touch(&row).await?;
        self.catalog.add_person(&row).await.map_err(taken(&row.name))?;
        if person.role == Role::Administrator {
            // The way in for the first one is closed.
            self.catalog.delete_setting(SET_UP).await?;
        }
        self.audit("person.add", &row.name, &row.role).await?;
        self.person_view(row).await
    }

    pub async fn list_people(&self) -> Result<Vec<PersonView>> {
        self.may(Permission::People, None).await?;
        let mut views = Vec::new();
        for row in self.catalog.list_people().await? {
            views.push(self.person_view(row).await?);
        }
        Ok(views)
    }

    /// Oneself, or with the permission anybody, by name or id.
    pub async fn person(&self, wanted: &str) -> Result<PersonView> {
        let row = self.person_for(Permission::People, wanted).await?;
        self.person_view(row).await
    }

    pub async fn edit_person(&self, wanted: &str, changes: &PersonChanges) -> Result<PersonView> {
        self.may(Permission::People, None).await?;
        let before = self.person_row(wanted).await?;
        let mut row = before.clone();
        if let Some(name) = &changes.name {
            self.check_person_name(name)?;
            row.folded = folded(name);
            row.name.clone_from(name);
        }
        if let Some(role) = changes.role {
            role.word().clone_into(&mut row.role);
        }
        if let Some(email) = &changes.email {
            check_email(email)?;
            row.email.clone_from(email);
        }
        if let Some(disabled) = changes.disabled {
            row.disabled = i64::from(disabled);
        }
        if let Some(plan) = &changes.plan {
            row.entitlement = plan_text(plan)?;
        }
        self.may_touch(&before).await?;
        self.may_touch(&row).await?;
        let updated = self.catalog.update_person(&row).await;
        if !updated.map_err(taken(&row.name))? {
            return Err(the_last_administrator());
        }
        if row.disabled != 0 {
            self.catalog.delete_other_sessions(&row.id, "").await?;
        }
        self.audit("person.edit", &before.name, &what_changed(&before, &row))
            .await?;
        self.person_view(row).await
    }

    /// With everything by which he comes in; what he made stays.
    pub async fn remove_person(&self, wanted: &str) -> Result<PersonView> {
        self.may(Permission::People, None).await?;
        let row = self.person_row(wanted).await?;
        self.may_touch(&row).await?;
        let view = self.person_view(row).await?;
        if !self.catalog.delete_person(&view.id).await? {
            return Err(the_last_administrator());
        }
        self.audit("person.remove", &view.name, "").await?;
        Ok(view)
    }

    /// For somebody who cannot do it himself.
    pub async fn set_password(&self, wanted: &str, password: &str) -> Result<()> {
        self.may(Permission::People, None).await?;
        let row = self.person_row(wanted).await?;
        self.may_touch(&row).await?;
        self.store_password(&row, password).await
    }

    /// One's own.
    pub async fn change_password(&self, old: &str, new: &str) -> Result<()> {
        let row = self.own_account().await?;
        self.prove(&row, old).await?;
        self.store_password(&row, new).await
    }

    async fn store_password(&self, row: &PersonRow, password: &str) -> Result<()> {
        let hash = self.hash_password(password).await?;
        self.catalog.set_password(&row.id, Some(&hash)).await?;
        let here = self.caller.session().unwrap_or_default();
        self.catalog.delete_other_sessions(&row.id, here).await?;
        self.forget_attempts_at(&row.folded).await?;
        self.audit("person.password", &row.name, "").await
    }

    /// The caller's account, for what he does with it himself.
    pub(crate) async fn own_account(&self) -> Result<PersonRow> {
        let id = self
            .caller
            .person_id()
            .map(|id| id.to_string())
            .unwrap_or_default();
        if !self.owns_account(&id) {
            return Err(Problem::new(
                Kind::Refused,
                "this is for somebody who is signed in to his account",
            )
            .hint("sign in with name and password; a token that was made for less does not do"));
        }
        let row = self.catalog.person(&id).await?.filter(|row| row.disabled == 0);
        row.ok_or_else(|| Problem::new(Kind::Unauthenticated, "this account is not there any more"))
    }

    /// Is it really him? The password once more, before an account changes hands.
    pub(crate) async fn prove(&self, row: &PersonRow, password: &str) -> Result<()> {
        let attempt = self.reserve_attempt(&[Tried::proof(&row.id)]).await?;
        match self.is_password(password, row.password.as_deref()).await {
            Ok(true) => self.succeeded(attempt).await,
            Ok(false) => Err(Problem::new(Kind::Refused, "the password is wrong")
                .hint("it is the one with which you signed in")),
            Err(not_judged) => {
                self.give_back(attempt).await?;
                Err(not_judged)
            }
        }
    }

    /// Oneself without, everybody else with this permission.
    pub(crate) async fn person_for(&self, permission: Permission, wanted: &str) -> Result<PersonRow> {
        if let Some(id) = self.caller.person_id().map(|id| id.to_string())
            && self.owns_account(&id)
            && let Some(row) = self.catalog.person(&id).await?
            && row.disabled == 0
            && (row.id == wanted || row.folded == folded(wanted))
        {
            return Ok(row);
        }
        self.may(permission, None).await?;
        self.person_row(wanted).await
    }

    /// By name, whatever its case, or by id.
    pub(crate) async fn person_row(&self, wanted: &str) -> Result<PersonRow> {
        if let Some(row) = self.catalog.person_named(&folded(wanted)).await? {
            return Ok(row);
        }
        let rows = self.catalog.list_people().await?;
        let found = rows.iter().filter(|row| model::is_prefix(wanted, &row.id));
        if let [row] = found.collect::<Vec<_>>()[..] {
            return Ok(row.clone());
        }
        let problem = Problem::not_found(format!("there is no person “{wanted}”"));
        Err(match nearest(wanted, rows.iter().map(|row| row.name.as_str())) {
            Some(near) => problem.hint(format!("did you mean “{near}”?")),
            None => problem.hint("`cairn person list` shows who there is"),
        })
    }

    /// Who may do everything is made, changed and removed only by those who may do everything: a token that is for people alone, or for one
    /// source, is no way to more than it was made for.
    pub(crate) async fn may_touch(&self, row: &PersonRow) -> Result<()> {
        if row.role == Role::Administrator.word() {
            self.may(Permission::Settings, None).await?;
        }
        Ok(())
    }

    pub(crate) async fn has_administrator(&self) -> Result<bool> {
        Ok(self.catalog.list_people().await?.iter().any(is_administrator))
    }

    pub(crate) async fn person_view(&self, row: PersonRow) -> Result<PersonView> {
        let grants = self.grants_of(&row).await?;
        Ok(PersonView {
            plan: entitlement_of(&row)?,
            role: row.role.parse()?,
            disabled: row.disabled != 0,
            password: row.password.is_some(),
            totp: row.totp.is_some(),
            created: model::moment_text(row.created),
            last_seen: row.last_seen.map(model::moment_text),
            id: row.id,
            name: row.name,
            email: row.email,
            grants,
        })
    }
}

fn the_last_administrator() -> Problem {
    Problem::new(Kind::Conflict, "nobody else is an administrator who can come in")
        .hint("make somebody else one first")
}

fn is_administrator(row: &PersonRow) -> bool {
    row.disabled == 0 && row.role == Role::Administrator.word()
}

fn plan_text(plan: &Entitlement) -> Result<String> {
    serde_json::to_string(plan)
        .map_err(|error| Problem::internal(format!("a plan cannot be written: {error}")))
}

fn what_changed(before: &PersonRow, after: &PersonRow) -> String {
    let changes = [
        ("name", before.name != after.name, after.name.as_str()),
        ("role", before.role != after.role, &after.role),
        ("e-mail", before.email != after.email, &after.email),
        (
            "plan",
            before.entitlement != after.entitlement,
            &after.entitlement,
        ),
        ("disabled", before.disabled == 0 && after.disabled != 0, ""),
        ("enabled", before.disabled != 0 && after.disabled == 0, ""),
    ];
    let words = changes
        .iter()
        .filter(|(_, changed, _)| *changed)
        .map(|(what, _, to)| format!("{what} {to}").trim_end().to_owned());
    words.collect::<Vec<_>>().join(", ")
}
