//! The tests of `service`, one module for each of its verbs.

mod archive;
mod archive_sample;
mod archive_tar;
mod archive_tar_limits;
mod archive_tools;
mod archive_zip;
mod folder_restore;
