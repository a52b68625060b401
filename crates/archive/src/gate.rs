//! The way out of an export: counts what passes, and can be shut.
//!
//! Compressors and archive writers finish what they have begun when they are dropped: after a failure that would put a
//! proper end to half an archive, which then looks whole. So a failed export shuts the *gate* before it drops anything;
//! from then on what is written vanishes. A gate shuts by itself when the writer behind it fails.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};
use std::rc::Rc;

pub(super) struct Gate<'a> {
    out: &'a mut dyn Write,
    valve: Valve,
}

/// The handle that stays outside.
#[derive(Clone, Default)]
pub(super) struct Valve {
    shut: Rc<Cell<bool>>,
    passed: Rc<Cell<u64>>,
}

impl Valve {
    pub(super) fn shut(&self) {
        self.shut.set(true);
    }

    pub(super) fn passed(&self) -> u64 {
        self.passed.get()
    }
}

impl<'a> Gate<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> (Self, Valve) {
        let valve = Valve::default();
        (
            Gate {
                out,
                valve: valve.clone(),
            },
            valve,
        )
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != ErrorKind::Interrupted
        {
            self.valve.shut();
        }
        result
    }
}

impl Write for Gate<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.valve.shut.get() {
            return Ok(bytes.len());
        }
        let result = self.out.write(bytes);
        let n = self.note(result)?;
        self.valve.passed.set(self.valve.passed.get() + n as u64);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.valve.shut.get() {
            return Ok(());
        }
        let result = self.out.flush();
        self.note(result)
    }
}
