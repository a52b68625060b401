//! The command line as a person uses it: the built program, real folders, a real repository.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod another_user;
mod api;
mod api_ways;
mod app;
mod app_archives;
mod app_backups;
mod app_states;
mod app_uploads;
mod approvals;
mod archives;
mod broken_off;
mod broken_off_anywhere;
mod consent;
mod damage;
mod demo;
mod doors;
mod folder;
mod foreign;
mod full_disk;
mod generated;
mod guarded;
mod house;
mod instance;
mod killed;
mod kit;
mod large_answers;
mod locked;
mod marks;
mod panel;
mod panel_rules;
mod people;
mod problems;
mod rates;
mod remembered;
mod restic;
mod rounds;
mod safety;
mod safety_places;
mod secrets;
mod sending;
mod served;
mod signals;
mod slow;
mod swapped;
mod vanished;
mod words;
