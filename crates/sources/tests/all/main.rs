//! Everything that is promised about the living things; what all kinds promise comes from `testkit::conformance`.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod folder;
mod folder_worlds;
mod items;
mod items_worlds;
