//! Everything that is promised about the living things; what all kinds promise comes from `testkit::conformance`.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod fake_programs;
mod folder;
mod folder_guard;
mod folder_parts;
mod folder_places;
mod folder_random;
mod folder_scene;
mod folder_stays;
mod folder_swapped;
mod folder_walk;
mod folder_worlds;
mod guard;
mod guard_probes;
mod hooks;
mod hooks_outside;
mod items;
mod items_worlds;
