//! Who may do what: one pure table.
//!
//! A person has a *role*; towards a source he stands in a *relation* (none, granted, owner); a token
//! narrows what its person may with *scopes*; the account's plan, its *entitlement*, bounds what can be
//! had at all. [`judge`] takes them together and says yes, or why not.
//! Rules: what no line allows is denied. An administrator may everything; scopes and the plan bind him too,
//! since he can make another token and change the plan, and both are seen in the audit log.
//! Who owns a source has the owner's rights on it, whatever his role. An operator sees no secrets, and a
//! backup may hold some: so he does not download, and deletes nothing. Putting a backup into a folder or
//! an archive is a download. What a person does with his own account needs no permission.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::words::closed_set;
use crate::{Kind, Problem, Result, SourceId};

closed_set! {
    Role, "a role" {
        Administrator = "administrator",
        Operator = "operator",
        Viewer = "viewer",
        Owner = "owner",
    }
}

closed_set! {
    Relation, "a relation to a source" {
        None = "none",
        Granted = "granted",
        Owner = "owner",
    }
}

closed_set! {
    /// Everything that can be allowed. The first ones concern one source, the rest the whole house.
    Permission, "a permission" {
        /// List, show, compare; never contents.
        See = "see",
        BackUp = "back-up",
        Restore = "restore",
        Drill = "drill",
        Verify = "verify",
        /// A job of the source.
        Cancel = "cancel",
        Rename = "rename",
        Lock = "lock",
        Unlock = "unlock",
        Delete = "delete",
        Download = "download",
        Import = "import",
        Approve = "approve",
        /// When backups are made, and of which parts.
        Schedule = "schedule",
        /// Everything else of the policy: retention, limit, gates, hooks.
        EditPolicy = "edit-policy",
        EditSource = "edit-source",
        RemoveSource = "remove-source",
        SeeSecrets = "see-secrets",
        CreateSource = "create-source",
        People = "people",
        Tokens = "tokens",
        Audit = "audit",
        Repository = "repository",
        Settings = "settings",
        /// To come in by the API of app backups, which is for administrators alone. What is done there asks for more.
        AppBackups = "app-backups",
    }
}

impl Permission {
    /// Does it concern one source, so that the relation to it counts?
    pub fn is_about_a_source(self) -> bool {
        self < Permission::CreateSource
    }
}

fn operator_may(permission: Permission) -> bool {
    use Permission::{BackUp, Cancel, Drill, Lock, Rename, Restore, See, Verify};
    matches!(
        permission,
        See | BackUp | Restore | Drill | Verify | Cancel | Rename | Lock
    )
}

fn owner_may(permission: Permission) -> bool {
    use Permission::{Approve, Delete, Download, Schedule, Unlock};
    operator_may(permission) || matches!(permission, Approve | Delete | Download | Schedule | Unlock)
}

fn role_allows(role: Role, permission: Permission, relation: Relation) -> bool {
    match (role, relation) {
        (Role::Administrator, _) => true,
        (_, Relation::None) => false,
        (_, Relation::Owner) => owner_may(permission),
        (Role::Operator, Relation::Granted) => operator_may(permission),
        (Role::Viewer | Role::Owner, Relation::Granted) => permission == Permission::See,
    }
}

/// One line of what a token may: `restore`, `restore@<source>`, `*`, `*@<source>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Scope {
    /// `None` = every permission.
    pub permission: Option<Permission>,
    /// `None` = every source, and the whole house.
    pub source: Option<SourceId>,
}

impl Scope {
    pub const EVERYTHING: Scope = Scope {
        permission: None,
        source: None,
    };

    fn covers(&self, permission: Permission, source: Option<SourceId>) -> bool {
        self.permission.is_none_or(|only| only == permission)
            && self
                .source
                .is_none_or(|only| permission.is_about_a_source() && source == Some(only))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.permission.map_or("*", Permission::word))?;
        self.source.map_or(Ok(()), |source| write!(f, "@{source}"))
    }
}

impl FromStr for Scope {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self> {
        let (word, source) = match text.split_once('@') {
            Some((word, source)) => (word, Some(source.parse()?)),
            None => (text, None),
        };
        let permission = if word == "*" { None } else { Some(word.parse()?) };
        Ok(Scope { permission, source })
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

impl TryFrom<String> for Scope {
    type Error = Problem;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// What an account's plan includes; the default bounds nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entitlement {
    pub sources: Option<u32>,
    /// Backups per source; see `Limit::within`.
    pub backups: Option<u32>,
    pub retention_days: Option<u32>,
    pub restores: bool,
}

impl Default for Entitlement {
    fn default() -> Self {
        Entitlement {
            sources: None,
            backups: None,
            retention_days: None,
            restores: true,
        }
    }
}

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub role: Role,
    pub permission: Permission,
    pub relation: Relation,
    pub source: Option<SourceId>,
    /// Of the token; a session has [`Scope::EVERYTHING`].
    pub scopes: &'a [Scope],
    /// Of the account to which the source belongs, or shall belong.
    pub entitlement: &'a Entitlement,
    /// How many sources the account has now.
    pub sources: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Allow,
    Deny(Denial),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// The role does not include it.
    Role,
    /// Nothing connects this person with this source: to him it does not exist.
    Unrelated,
    /// The token was made for less.
    Scope,
    /// The account's plan has no restores.
    PlanWithoutRestores,
    /// The account's plan has no room for another source.
    PlanFull,
}

pub fn judge(q: &Question<'_>) -> Verdict {
    let about_source = q.permission.is_about_a_source();
    let relation = if about_source { q.relation } else { Relation::None };
    if !role_allows(q.role, q.permission, relation) {
        let unrelated = about_source && relation == Relation::None;
        return Verdict::Deny(if unrelated {
            Denial::Unrelated
        } else {
            Denial::Role
        });
    }
    if !q.scopes.iter().any(|scope| scope.covers(q.permission, q.source)) {
        return Verdict::Deny(Denial::Scope);
    }
    plan_denies(q).map_or(Verdict::Allow, Verdict::Deny)
}

fn plan_denies(q: &Question<'_>) -> Option<Denial> {
    match q.permission {
        Permission::Restore if !q.entitlement.restores => Some(Denial::PlanWithoutRestores),
        Permission::CreateSource if q.entitlement.sources.is_some_and(|most| q.sources >= most) => {
            Some(Denial::PlanFull)
        }
        _ => None,
    }
}

impl Verdict {
    pub fn is_allowed(self) -> bool {
        self == Verdict::Allow
    }

    /// As a `Result`; what an unrelated person may not even know of is not found.
    pub fn require(self, role: Role, permission: Permission) -> Result<()> {
        match self {
            Verdict::Allow => Ok(()),
            Verdict::Deny(why) => Err(why.problem(role, permission)),
        }
    }
}

impl Denial {
    pub fn problem(self, role: Role, permission: Permission) -> Problem {
        let (kind, message, hint) = match self {
            Denial::Unrelated => (
                Kind::NotFound,
                "there is no such source, or it is not yours".to_owned(),
                "an administrator can grant it to you",
            ),
            Denial::Role => (
                Kind::Refused,
                format!("the role {role} does not include the permission “{permission}”"),
                "ask an administrator to do it, or to give you another role",
            ),
            Denial::Scope => (
                Kind::Refused,
                format!("this token does not include the permission “{permission}” here"),
                "make a token with that scope: `cairn token create --scope …`",
            ),
            Denial::PlanWithoutRestores => (
                Kind::Refused,
                "the plan of this account does not include restores".to_owned(),
                "change the account's plan, or ask an administrator",
            ),
            Denial::PlanFull => (
                Kind::Refused,
                "the plan of this account has no room for another source".to_owned(),
                "remove a source, or change the account's plan",
            ),
        };
        Problem::new(kind, message).hint(hint)
    }
}
