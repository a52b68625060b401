//! Moving the bytes of one file, piece by piece.
//!
//! Rules: a file gives exactly as many bytes as its entry says, else the move fails and names it; the wish to stop is
//! looked at before every piece; reading and writing fail in different words.

use std::io::{self, Read, Write};
use std::path::Path;

use boundary::Context;
use model::{Problem, Result};

const PIECE: usize = 64 * 1024;

/// From a file of a tree into an archive.
pub(super) fn pump(
    path: &Path,
    size: u64,
    from: &mut dyn Read,
    to: &mut dyn Write,
    cx: &Context,
) -> Result<()> {
    let mut piece = vec![0; PIECE.min(usize::try_from(size).unwrap_or(PIECE).max(1))];
    let mut left = size;
    loop {
        cx.cancel.check()?;
        let n = read_some(from, &mut piece).map_err(|error| reading(path, error))?;
        if n as u64 > left || (n == 0 && left > 0) {
            return Err(wrong_length(path, size));
        }
        if n == 0 {
            return Ok(());
        }
        to.write_all(&piece[..n]).map_err(writing)?;
        left -= n as u64;
        cx.progress.bytes(n as u64);
    }
}

/// Reads once, again when interrupted.
pub(super) fn read_some(from: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn wrong_length(path: &Path, size: u64) -> Problem {
    Problem::damaged(format!(
        "{} does not have the {size} bytes that its entry says",
        path.display()
    ))
    .hint("check the repository: `cairn repository check`")
}

fn reading(path: &Path, error: io::Error) -> Problem {
    match error.downcast::<Problem>() {
        Ok(problem) => problem.context(format_args!("reading {} from the backup", path.display())),
        Err(error) => Problem::io(format_args!("reading {} from the backup", path.display()), error),
    }
}

pub(super) fn writing(error: io::Error) -> Problem {
    Problem::io("writing the archive", error)
}
