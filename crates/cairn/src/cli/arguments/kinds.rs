//! The words of the command line that come from the kinds of sources.
//!
//! Nouns: [`command`] is the whole command line with a subcommand of `source add` for each kind, the flags of all kinds on `source edit`, and
//! on `backup` the flags of what may be given for one backup. [`Given`] is what somebody typed of these.
//!
//! Rules: nothing here knows a kind by name. Two kinds whose settings have one name share the flag; what it sets is read by the kind of the
//! source that is meant.

use std::fmt::Debug;

use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Subcommand, ValueHint,
};
use model::{Description, Field, Shortcut, Takes};
use service::Kinds;

use super::Arguments;

const SETTING: &str = "setting:";
const SHORTCUT: &str = "shortcut:";
const SECRET: &str = "secret:";
const ANY: &str = "set";
const NAME: &str = "name";

/// What was typed for settings of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// (name of the field, text)
    pub(crate) texts: Vec<(String, String)>,
    /// (name of the field, where the secret is: `file`, `env` or `command`, the text)
    pub(crate) secrets: Vec<(String, String, String)>,
    /// Flags of shortcuts.
    pub(crate) shortcuts: Vec<String>,
    /// KEY=JSON
    pub(crate) any: Vec<String>,
}

/// `source add <kind> <name> …`
#[derive(Clone, Debug)]
pub(crate) struct AddSource {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) given: Given,
}

/// clap keeps names as long as the process lives, and so does this; there are a handful.
fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// The whole command line.
pub(crate) fn command(kinds: &Kinds) -> Command {
    let described: Vec<&'static Description> = kinds.descriptions().collect();
    let add = |add: Command| {
        described
            .iter()
            .fold(add, |add, kind| add.subcommand(add_kind(kind)))
    };
    let edit = |edit: Command| {
        let flags = described
            .iter()
            .flat_map(|kind| flags(kind, |field| !field.words.no_flag, false));
        with(edit, flags).arg(any())
    };
    let source = |source: Command| changed(changed(source, "add", add), "edit", edit);
    let backup = |backup: Command| {
        let flags = described
            .iter()
            .flat_map(|kind| kind.fields.iter().filter(|field| field.per_backup))
            .flat_map(|field| {
                let flags = flags_of(field, false).into_iter();
                flags.map(|arg| for_one_backup(field, arg))
            });
        with(backup, flags)
    };
    changed(changed(Arguments::command(), "source", source), "backup", backup)
}

/// With one subcommand changed; all stay in their order.
fn changed(command: Command, name: &str, change: impl Fn(Command) -> Command) -> Command {
    command.mut_subcommands(|sub| if sub.get_name() == name { change(sub) } else { sub })
}

fn for_one_backup(field: &'static Field, arg: Arg) -> Arg {
    arg.display_order(2)
        .help(kept(format!("For this backup alone: {}", field.about)))
}

/// The first of several flags with one name stands for all.
fn with(command: Command, flags: impl IntoIterator<Item = Arg>) -> Command {
    flags.into_iter().fold(command, |command, flag| {
        let is_there = command
            .get_arguments()
            .any(|known| known.get_id() == flag.get_id() || known.get_long() == flag.get_long());
        if is_there && flag.get_long().is_some() {
            command
        } else {
            command.arg(flag)
        }
    })
}

fn add_kind(kind: &'static Description) -> Command {
    let name = Arg::new(NAME).required(true).value_name("NAME").help("Its name");
    let arguments = kind.fields.iter().filter(|field| field.words.is_argument);
    let command = Command::new(kind.kind)
        .about(kind.about)
        .arg(name)
        .args(arguments.map(|field| {
            let arg = flag(field, kept(format!("{SETTING}{}", field.name)));
            let arg = if field.repeated { arg.num_args(1..) } else { arg };
            arg.required(field.required)
                .value_name(field.words.value.unwrap_or("VALUE"))
        }));
    let is_flag = |field: &Field| !field.words.is_argument && !field.words.no_flag;
    with(command, flags(kind, is_flag, true)).arg(any())
}

fn flags(kind: &'static Description, wanted: impl Fn(&Field) -> bool, is_new: bool) -> Vec<Arg> {
    let fields = kind.fields.iter().filter(|field| wanted(field));
    let flags = fields.flat_map(|field| flags_of(field, is_new));
    flags.chain(kind.shortcuts.iter().map(shortcut)).collect()
}

fn flags_of(field: &'static Field, is_new: bool) -> Vec<Arg> {
    if field.secret {
        return ["file", "env", "command"].map(|way| secret(field, way)).to_vec();
    }
    let arg = flag(field, kept(format!("{SETTING}{}", field.name))).long(kept(field.flag()));
    let is_wanted = is_new && field.required && field.default.is_none();
    vec![arg.required(is_wanted)]
}

/// Without the name of the flag.
fn flag(field: &'static Field, id: &'static str) -> Arg {
    let arg = Arg::new(id).help(field.about);
    let arg = match field.takes {
        Takes::Switch => return arg.action(ArgAction::SetTrue),
        Takes::Path => arg.value_hint(ValueHint::AnyPath),
        _ => arg,
    };
    let arg = arg.value_name(field.words.value.unwrap_or("VALUE"));
    if field.repeated || field.takes == Takes::Pairs {
        arg.action(ArgAction::Append)
    } else {
        arg
    }
}

/// A secret is never typed on a command line, where others could read it.
fn secret(field: &'static Field, way: &'static str) -> Arg {
    let (value, place) = match way {
        "file" => ("FILE", "in this file"),
        "env" => ("VARIABLE", "in this variable of the environment"),
        _ => ("COMMAND", "what this command prints"),
    };
    Arg::new(kept(format!("{SECRET}{way}:{}", field.name)))
        .long(kept(format!("{}-{way}", field.flag())))
        .value_name(value)
        .help(kept(format!("{} Taken from: {place}", field.about)))
}

fn shortcut(shortcut: &'static Shortcut) -> Arg {
    Arg::new(kept(format!("{SHORTCUT}{}", shortcut.flag)))
        .long(shortcut.flag)
        .action(ArgAction::SetTrue)
        .requires(kept(format!("{SETTING}{}", shortcut.field)))
        .help(shortcut.about)
}

fn any() -> Arg {
    Arg::new(ANY)
        .long(ANY)
        .value_name("KEY=JSON")
        .action(ArgAction::Append)
        .help("Any other setting of the kind, as KEY=JSON")
}

impl Given {
    fn of(matches: &ArgMatches) -> Given {
        let mut given = Given::default();
        let ids: Vec<String> = matches.ids().map(|id| id.as_str().to_owned()).collect();
        for id in ids {
            if matches.value_source(&id) == Some(ValueSource::CommandLine) {
                given.take(&id, matches);
            }
        }
        given
    }

    fn take(&mut self, id: &str, matches: &ArgMatches) {
        let texts = || match matches.try_get_many::<String>(id) {
            Ok(Some(values)) => values.cloned().collect(),
            Ok(None) => Vec::new(),
            // A switch has no text.
            Err(_) => vec![String::new()],
        };
        if let Some(field) = id.strip_prefix(SETTING) {
            let texts: Vec<String> = texts();
            self.texts
                .extend(texts.into_iter().map(|text| (field.to_owned(), text)));
        } else if let Some((way, field)) = id.strip_prefix(SECRET).and_then(|rest| rest.split_once(':')) {
            let found = texts().into_iter();
            self.secrets
                .extend(found.map(|text| (field.to_owned(), way.to_owned(), text)));
        } else if let Some(flag) = id.strip_prefix(SHORTCUT) {
            self.shortcuts.push(flag.to_owned());
        } else if id == ANY {
            self.any.extend(texts());
        }
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Given::of(matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Given::of(matches);
        Ok(())
    }
}

/// [`command`] adds the flags, once the kinds are known.
impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for AddSource {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || {
            clap::Error::raw(
                clap::error::ErrorKind::MissingSubcommand,
                "name a kind of source\n",
            )
        };
        let (kind, words) = matches.subcommand().ok_or_else(missing)?;
        Ok(AddSource {
            kind: kind.to_owned(),
            name: words.get_one::<String>(NAME).cloned().unwrap_or_default(),
            given: Given::of(words),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = AddSource::from_arg_matches(matches)?;
        Ok(())
    }
}

/// [`command`] adds a subcommand for each kind.
impl Subcommand for AddSource {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommand_required(true).arg_required_else_help(true)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        command
    }

    fn has_subcommand(_name: &str) -> bool {
        true
    }
}
