//! Everything that is promised about the repository.

mod format;
