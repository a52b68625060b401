//! Writing past the page cache.
//!
//! Nobody reads soon what a backup writes: it need not push out of memory what others read, nor be copied into pages that are then written
//! out once more. So large content goes from an aligned buffer straight to the disk. Rules: what could not be written that way (a tail that
//! fills no block, a file system that has no such way, a disk that says no) is written as usual, and only that can fail.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Result, Write};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Smaller content is not worth the trouble.
const LARGE: usize = 1 << 20;
const PIECE: usize = 4 << 20;
/// Every disk's blocks, and the memory that it reads from, are content with this.
const ALIGN: usize = 4096;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Appends to a file that was just made.
pub(super) fn write(file: &mut File, bytes: &[u8]) -> Result<()> {
    let whole = bytes.len() / ALIGN * ALIGN;
    let mut done = 0;
    if bytes.len() >= LARGE {
        let flags = fcntl_getfl(&*file)?;
        if fcntl_setfl(&*file, flags | OFlags::DIRECT).is_ok() {
            done = BUFFER.with_borrow_mut(|buffer| write_blocks(file, &bytes[..whole], buffer));
            fcntl_setfl(&*file, flags)?;
        }
    }
    file.write_all(&bytes[done..])
}

/// How much of it was written; the file's position is behind that.
fn write_blocks(file: &mut impl Write, blocks: &[u8], buffer: &mut Vec<u8>) -> usize {
    buffer.resize(PIECE + ALIGN, 0);
    let begin = buffer.as_ptr().align_offset(ALIGN);
    let mut done = 0;
    for piece in blocks.chunks(PIECE) {
        let aligned = &mut buffer[begin..begin + piece.len()];
        aligned.copy_from_slice(piece);
        match file.write(aligned) {
            Ok(written) => done += written,
            Err(_) => break,
        }
        if done % ALIGN != 0 || done % PIECE != piece.len() % PIECE {
            break;
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Writes so much at most, and so often.
    struct Short {
        written: Vec<u8>,
        most: usize,
        times: usize,
    }

    impl Write for Short {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.times == 0 {
                return Err(io::Error::other("no"));
            }
            self.times -= 1;
            let taken = bytes.len().min(self.most);
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at / 7 + at / 4096) as u8).collect()
    }

    #[test]
    fn every_length_is_written_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        for length in [
            0,
            1,
            LARGE - 1,
            LARGE,
            LARGE + 1,
            PIECE,
            PIECE + ALIGN,
            2 * PIECE + 5000,
        ] {
            let path = dir.path().join("file");
            let bytes = sample(length);
            write(&mut File::create(&path).expect("a file"), &bytes).expect("written");
            assert!(std::fs::read(&path).expect("read") == bytes, "{length}");
        }
    }

    #[test]
    fn what_was_written_is_known_whatever_the_disk_does() {
        let bytes = sample(2 * PIECE + 2 * ALIGN);
        for (most, times) in [
            (usize::MAX, usize::MAX),
            (ALIGN, 9),
            (5000, 9),
            (usize::MAX, 1),
            (0, 9),
            (1, 0),
        ] {
            let mut file = Short {
                written: Vec::new(),
                most,
                times,
            };
            let done = write_blocks(&mut file, &bytes, &mut Vec::new());
            assert_eq!(done, file.written.len());
            assert!(bytes.starts_with(&file.written), "{most} {times}");
            assert_eq!(done == bytes.len(), (most, times) == (usize::MAX, usize::MAX));
        }
    }
}
