//! Where a test lets the process die: never in a release.

/// For tests of what a killed process leaves: dies at once after the record of this number, or before it (`3-`), or where a word says.
#[cfg(debug_assertions)]
pub(crate) fn die_if_asked(here: &str) {
    if std::env::var("CAIRN_TEST_DIE_AT_RECORD").is_ok_and(|at| at == here) {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn die_if_asked(_here: &str) {}
