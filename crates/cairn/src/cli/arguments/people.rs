//! Arguments of `cairn person` and `cairn token`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Let somebody in
    Add(AddPerson),
    /// List the people
    List,
    /// Show a person: role, plan, what he has to do with which sources
    Show(OnePerson),
    /// Change a person: name, role, e-mail, plan; let him in no more
    Edit(EditPerson),
    /// Set a new password; the person is signed out everywhere
    Password(PasswordOf),
    /// Give a person a source to work with, or to own
    Grant(Grant),
    /// Take back what a person was to a source
    Revoke(RevokeGrant),
    /// Remove a person with tokens, sessions and grants; what he made stays
    Remove(RemovePerson),
    /// List where a person is signed in
    Sessions(OnePerson),
    /// Sign a person out
    SignOut(SignOut),
    /// Print a token with which the first administrator comes in; it is used once
    SetupToken,
}

#[derive(Debug, Args)]
pub(crate) struct OnePerson {
    /// Name or id of the person
    pub(crate) person: String,
}

#[derive(Debug, Args)]
pub(crate) struct AddPerson {
    /// The name; letter case does not count
    pub(crate) name: String,
    /// administrator: everything; operator: back up and restore granted sources; viewer: see them; owner: own backups
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: String,
    /// Read the password from stdin; without one the person comes in by tokens only
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Where approvals and notices go
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    #[command(flatten)]
    pub(crate) plan: PlanWords,
}

#[derive(Debug, Args)]
pub(crate) struct PlanWords {
    /// What the account includes: sources=N, backups=N (of each source), retention-days=N, restores=yes|no;
    /// everything that is not named is not bound, `unbound` names nothing
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',')]
    pub(crate) plan: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EditPerson {
    /// Name or id of the person
    pub(crate) person: String,
    /// Give a new name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// administrator, operator, viewer or owner
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// Where approvals and notices go; empty for nowhere
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// Let him in no more, and sign him out
    #[arg(long, conflicts_with = "enable")]
    pub(crate) disable: bool,
    /// Let him in again
    #[arg(long)]
    pub(crate) enable: bool,
    /// Ask for no second factor any more: the authenticator was lost
    #[arg(long)]
    pub(crate) reset_totp: bool,
    #[command(flatten)]
    pub(crate) plan: PlanWords,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordOf {
    /// Name or id of the person
    pub(crate) person: String,
    /// Read the password from stdin, as is done anyway when stdin is no terminal
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// Name or id of the person
    pub(crate) person: String,
    /// Name or id of the source
    pub(crate) source: String,
    /// It is his: own backups, schedule, download, delete
    #[arg(long)]
    pub(crate) owner: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeGrant {
    /// Name or id of the person
    pub(crate) person: String,
    /// Name or id of the source
    pub(crate) source: String,
}

#[derive(Debug, Args)]
pub(crate) struct RemovePerson {
    /// Name or id of the person
    pub(crate) person: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SignOut {
    /// Name or id of the person
    pub(crate) person: String,
    /// Only this session; default: everywhere
    pub(crate) session: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a program; it is shown this once
    #[command(after_help = "\
Scopes: a permission, a permission of one source, or everything of one source; without any, everything the person may.
  --scope see --scope back-up        everywhere
  --scope restore@world              of the source `world`
  --scope '*@world'                  everything there
Permissions: see, back-up, restore, drill, verify, cancel, rename, lock, unlock, delete, download, import, approve,
schedule, edit-policy, edit-source, remove-source, see-secrets; and of the whole house: create-source, people, tokens,
audit, repository, settings. A token never does more than its person may.")]
    Create(CreateToken),
    /// List tokens, and when each was last used
    List(ListTokens),
    /// Make a token useless, at once
    Revoke(RevokeToken),
}

#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    /// Whose token it is
    #[arg(long, value_name = "PERSON")]
    pub(crate) person: String,
    /// What it is for
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// What it may do; repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// For how long it is good, as 30d or 12h; default: until it is revoked
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListTokens {
    /// Only those of this person
    #[arg(long, value_name = "PERSON")]
    pub(crate) person: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeToken {
    /// Id of the token (a prefix will do), or its name
    pub(crate) token: String,
}
