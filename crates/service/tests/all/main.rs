//! The tests of `service`, one module for each of its verbs.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod app_archives;
mod approvals;
mod approvals_mail;
mod approvals_random;
mod approvals_rules;
mod attempts;
mod authorize;
mod damaged;
mod folder_restore;
mod going_on;
mod house;
mod keeping;
mod marks;
mod notify;
mod notify_http;
mod notify_mail;
mod notify_sample;
mod once;
mod pages;
mod people;
mod rights;
mod scene;
mod schedule;
mod settings;
mod tokens;
mod upload_jobs;
mod uploads;
mod verbs;
mod words;
mod work;
