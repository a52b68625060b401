//! `cairn person` and `cairn token`: who may come in, and how far.

use std::io::{IsTerminal, Read};

use model::{Entitlement, Problem, Relation, Result};
use serde_json::json;
use service::{GrantView, NewPerson, NewToken, PersonChanges, PersonView, Service};

use super::arguments::{
    AddPerson, CreateToken, EditPerson, Grant, PersonCommand, PlanWords, SignOut, TokenCommand,
};
use crate::cli::output::{Output, columns};

/// More is no password.
const MOST_TYPED: u64 = 4_096;

pub(crate) async fn person(service: &Service, command: PersonCommand, output: Output) -> Result<u8> {
    match command {
        PersonCommand::Add(words) => add(service, words, output).await,
        PersonCommand::List => list(service, output).await,
        PersonCommand::Show(words) => show(&service.person(&words.person).await?, output),
        PersonCommand::Edit(words) => edit(service, words, output).await,
        PersonCommand::Password(words) => {
            let password = typed_password(words.password_stdin)?;
            service.set_password(&words.person, &password).await?;
            done(output, "the password is set")
        }
        PersonCommand::Grant(words) => grant(service, &words, output).await,
        PersonCommand::Revoke(words) => {
            service.revoke_grant(&words.person, &words.source).await?;
            done(output, "taken back")
        }
        PersonCommand::Remove(words) => {
            if !words.yes {
                let question = format!("{} will not come in any more.", words.person);
                output.confirm(&question, &words.person)?;
            }
            short_answer(&service.remove_person(&words.person).await?, output)
        }
        PersonCommand::Sessions(words) => sessions(service, &words.person, output).await,
        PersonCommand::SignOut(words) => sign_out(service, &words, output).await,
        PersonCommand::SetupToken => {
            let token = service.set_up_token().await?;
            output.answer(&json!({ "token": token }), || token.clone())?;
            Ok(0)
        }
    }
}

fn done(output: Output, text: &str) -> Result<u8> {
    output.answer(&json!({"state": "succeeded"}), || text.to_owned())?;
    Ok(0)
}

fn short_answer(person: &PersonView, output: Output) -> Result<u8> {
    let value = json!({"id": person.id, "name": person.name, "role": person.role});
    output.answer(&value, || {
        format!("{}  {}  {}", person.name, person.role, person.id)
    })?;
    Ok(0)
}

/// The first line of stdin; its end is not part of it.
fn typed_password(asked: bool) -> Result<String> {
    if !asked && std::io::stdin().is_terminal() {
        return Err(Problem::invalid("a password is not typed in the open")
            .hint("hand it over: --password-stdin < file"));
    }
    let mut text = String::new();
    std::io::stdin()
        .take(MOST_TYPED)
        .read_to_string(&mut text)
        .map_err(|error| Problem::io("cannot read the password", error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Problem::invalid("the password on stdin is empty"));
    }
    Ok(line.to_owned())
}

/// `sources=2,restores=no`; nothing named: no change.
fn plan(words: &PlanWords) -> Result<Option<Entitlement>> {
    if words.plan.is_empty() {
        return Ok(None);
    }
    let mut plan = Entitlement::default();
    for word in &words.plan {
        let wrong = || {
            Problem::invalid(format!("“{word}” is nothing that a plan includes"))
                .hint("sources=N, backups=N, retention-days=N, restores=yes or restores=no, or unbound")
        };
        let number = |text: &str| text.parse::<u32>().map(Some).map_err(|_| wrong());
        match word.split_once('=') {
            None if word == "unbound" => {}
            Some(("sources", text)) => plan.sources = number(text)?,
            Some(("backups", text)) => plan.backups = number(text)?,
            Some(("retention-days", text)) => plan.retention_days = number(text)?,
            Some(("restores", "yes")) => plan.restores = true,
            Some(("restores", "no")) => plan.restores = false,
            _ => return Err(wrong()),
        }
    }
    Ok(Some(plan))
}

async fn add(service: &Service, words: AddPerson, output: Output) -> Result<u8> {
    let person = NewPerson {
        role: words.role.parse()?,
        plan: plan(&words.plan)?.unwrap_or_default(),
        password: words.password_stdin.then(|| typed_password(true)).transpose()?,
        email: words.email,
        name: words.name,
    };
    let added = service.add_person(&person).await?;
    short_answer(&added, output)?;
    if !added.password {
        output.say("Without a password this person comes in by tokens only: cairn token create --person …");
    }
    Ok(0)
}

async fn edit(service: &Service, words: EditPerson, output: Output) -> Result<u8> {
    let changes = PersonChanges {
        role: words.role.map(|role| role.parse()).transpose()?,
        disabled: (words.disable || words.enable).then_some(words.disable),
        plan: plan(&words.plan)?,
        email: words.email,
        name: words.name,
    };
    let edited = service.edit_person(&words.person, &changes).await?;
    if words.reset_totp {
        service.reset_totp(&edited.id).await?;
    }
    show(&service.person(&edited.id).await?, output)
}

async fn list(service: &Service, output: Output) -> Result<u8> {
    let people = service.list_people().await?;
    let heading = ["NAME", "ROLE", "E-MAIL", "SOURCES", "LAST SEEN", ""];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(people.iter().map(|person| {
        vec![
            person.name.clone(),
            person.role.to_string(),
            person.email.clone(),
            person.grants.len().to_string(),
            person.last_seen.clone().unwrap_or_else(|| "never".to_owned()),
            if person.disabled { "disabled" } else { "" }.to_owned(),
        ]
    }));
    output.answer(&json!(people), || columns(&rows))?;
    Ok(0)
}

fn show(person: &PersonView, output: Output) -> Result<u8> {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    output.answer(&json!(person), || {
        let mut rows = vec![
            ("id", person.id.clone()),
            ("name", person.name.clone()),
            ("role", person.role.to_string()),
            ("e-mail", person.email.clone()),
            ("disabled", yes(person.disabled)),
            ("password", yes(person.password)),
            ("second factor", yes(person.totp)),
            ("plan", plan_words(&person.plan)),
            ("created", person.created.clone()),
            (
                "last seen",
                person.last_seen.clone().unwrap_or_else(|| "never".to_owned()),
            ),
        ];
        let grant = |grant: &GrantView| ("source", format!("{} ({})", grant.source, grant.relation));
        rows.extend(person.grants.iter().map(grant));
        let row = |(name, value): (&str, String)| vec![name.to_owned(), value];
        columns(&rows.into_iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(0)
}

fn plan_words(plan: &Entitlement) -> String {
    let number = |name: &str, number: Option<u32>| number.map(|number| format!("{name}={number}"));
    let words = [
        number("sources", plan.sources),
        number("backups", plan.backups),
        number("retention-days", plan.retention_days),
        (!plan.restores).then(|| "restores=no".to_owned()),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        "unbound".to_owned()
    } else {
        words.join(", ")
    }
}

async fn grant(service: &Service, words: &Grant, output: Output) -> Result<u8> {
    let relation = if words.owner {
        Relation::Owner
    } else {
        Relation::Granted
    };
    let grant = service.grant(&words.person, &words.source, relation).await?;
    output.answer(&json!(grant), || {
        format!("{}: {} of {}", grant.person, grant.relation, grant.source)
    })?;
    Ok(0)
}

async fn sessions(service: &Service, person: &str, output: Output) -> Result<u8> {
    let sessions = service.list_sessions(person).await?;
    let heading = ["ID", "SINCE", "SEEN", "FROM", "WITH"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(sessions.iter().map(|session| {
        [
            &session.id,
            &session.created,
            &session.seen,
            &session.address,
            &session.agent,
        ]
        .map(Clone::clone)
        .to_vec()
    }));
    output.answer(&json!(sessions), || columns(&rows))?;
    Ok(0)
}

async fn sign_out(service: &Service, words: &SignOut, output: Output) -> Result<u8> {
    let ended = service
        .end_sessions(&words.person, words.session.as_deref())
        .await?;
    output.answer(&json!({ "ended": ended }), || {
        model::counted(ended, "session ended", "sessions ended")
    })?;
    Ok(0)
}

pub(crate) async fn token(service: &Service, command: TokenCommand, output: Output) -> Result<u8> {
    match command {
        TokenCommand::Create(words) => create(service, words, output).await,
        TokenCommand::List(words) => tokens(service, words.person.as_deref(), output).await,
        TokenCommand::Revoke(words) => {
            service.revoke_token(&words.token).await?;
            done(output, "the token opens nothing any more")
        }
    }
}

async fn create(service: &Service, words: CreateToken, output: Output) -> Result<u8> {
    let new = NewToken {
        expires: words.expires.map(|text| text.parse()).transpose()?,
        person: Some(words.person),
        name: words.name,
        scopes: words.scopes,
    };
    let made = service.create_token(&new).await?;
    output.answer(&json!(made), || made.token.clone())?;
    output.say("Keep it: it is shown this once.");
    Ok(0)
}

async fn tokens(service: &Service, person: Option<&str>, output: Output) -> Result<u8> {
    let tokens = service.list_tokens(person).await?;
    let heading = ["ID", "PERSON", "NAME", "SCOPES", "LAST USED", "GOOD UNTIL"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(tokens.iter().map(|token| {
        let until = match (&token.revoked, &token.expires) {
            (Some(_), _) => "revoked".to_owned(),
            (None, Some(expires)) => expires.clone(),
            (None, None) => "revoked by hand".to_owned(),
        };
        vec![
            token.id.clone(),
            token.person.clone(),
            token.name.clone(),
            token.scopes.join(" "),
            token.last_used.clone().unwrap_or_else(|| "never".to_owned()),
            until,
        ]
    }));
    output.answer(&json!(tokens), || columns(&rows))?;
    Ok(0)
}
