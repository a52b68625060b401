//! Secrets that configuration names: in a variable, a file or the output of a command.

use std::path::Path;

use model::Result;
use service::Secret;

use super::Environment;

/// A secret's file: readable by its owner alone.
pub(crate) fn secret_file(path: &Path) -> Result<String> {
    Ok(Secret::in_file(path)?.reveal().to_owned())
}

/// The key that seals secrets in the catalog, when it does not lie in the data directory.
pub(crate) fn secret_key(environment: &Environment) -> Result<Option<String>> {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    match (variable("CAIRN_SECRET_KEY"), variable("CAIRN_SECRET_KEY_FILE")) {
        (Some(key), _) => Ok(Some(key.clone())),
        (None, Some(path)) => secret_file(Path::new(path)).map(Some),
        (None, None) => Ok(None),
    }
}

pub(crate) fn secret_command(command: &str) -> Result<String> {
    Ok(Secret::of_command(command)?.reveal().to_owned())
}
