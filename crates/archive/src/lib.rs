//! Portable archives: the tree of a backup as one file, and such a file as a folder again.
//!
//! Nouns: an *export* streams a [`boundary::Tree`] into a zip, a tar.gz or a tar.zst; an *import* unpacks a file from
//! anywhere into a *staging* folder of its own. A *refusal* is a problem that names the entry and the reason.
//!
//! Rules: an export holds no file whole in memory and needs no seeking, so that it can go to a pipe. The same tree
//! gives the same bytes (but for the salts of an encrypted zip). An export that fails leaves something that no program
//! takes for a whole archive.
//! Everything that is imported is hostile: it is recognised by its first bytes and not by its name, read within
//! [`Limits`] that count what is written, written by directory handles, and never through a link: links are made last,
//! after all of them were found to stay inside. A refusal removes the staging folder.

mod ahead;
mod content;
mod export;
mod gate;
mod import;
mod index;
mod limits;
mod links;
mod names;
mod pax;
mod receiver;
mod refusal;
mod staging;
mod tar_reader;
mod tar_writer;
mod zip_end;
mod zip_reader;
mod zip_writer;

use std::fmt;
use std::str::FromStr;

use model::{Problem, Result};

pub use export::{Exported, export};
pub use import::{import, look_at};
pub use limits::Limits;
pub use receiver::Unpacked;

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For everybody: opens by double click. Knows no extended attributes, devices and hard links.
    Zip,
    TarGz,
    TarZst,
}

impl Format {
    pub const ALL: &'static [Format] = &[Format::Zip, Format::TarGz, Format::TarZst];

    pub const fn word(self) -> &'static str {
        match self {
            Format::Zip => "zip",
            Format::TarGz => "tar.gz",
            Format::TarZst => "tar.zst",
        }
    }

    /// The format that the name of a file stands for.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let ends = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
        match () {
            () if ends(".zip") => Some(Format::Zip),
            () if ends(".tar.gz") || ends(".tgz") => Some(Format::TarGz),
            () if ends(".tar.zst") || ends(".tzst") => Some(Format::TarZst),
            () => None,
        }
    }

    /// For the `Content-Type` of a download.
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Zip => "application/zip",
            Format::TarGz => "application/gzip",
            Format::TarZst => "application/zstd",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Format {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let found = Format::ALL.iter().find(|format| format.word() == text);
        found.copied().ok_or_else(|| {
            Problem::invalid(format!("“{text}” is not a format of archives"))
                .hint("use one of: zip, tar.gz, tar.zst")
        })
    }
}
