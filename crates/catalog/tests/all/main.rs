//! Everything that is promised about the catalog, on both engines.

mod open;
mod stories;
