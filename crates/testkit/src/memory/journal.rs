//! A journal in memory that outlives the runs it remembers, and the ways in which a run can break.

use model::{Cancel, Problem, Result};
use sources::{Journal, Step};

/// How a run is broken.
#[derive(Clone, Debug)]
pub enum Breach {
    /// The call fails.
    Fails,
    /// The thread falls over, with nobody told.
    Dies,
    /// Somebody asks for a stop; the call itself goes well.
    Cancels(Cancel),
}

impl Breach {
    pub fn happen(&self) -> Result<()> {
        match self {
            Breach::Fails => Err(Problem::internal("it broke here, for a test")),
            // Unlike a panic, this prints nothing.
            Breach::Dies => std::panic::resume_unwind(Box::new("it died here, for a test")),
            Breach::Cancels(cancel) => {
                cancel.cancel();
                Ok(())
            }
        }
    }
}

/// Before a record is kept, or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// Keeps its steps when the run that it was lent to breaks.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    steps: Vec<Step>,
    breach: Option<(usize, Moment, Breach)>,
    records: usize,
    /// Nothing may be changed.
    forbids: bool,
}

impl MemoryJournal {
    pub fn new() -> Self {
        Self::default()
    }

    /// Breaks at the record with this number, the first being 0.
    pub fn breaking(at: usize, moment: Moment, breach: Breach) -> Self {
        MemoryJournal {
            breach: Some((at, moment, breach)),
            ..Self::default()
        }
    }

    /// Lets nobody set about changing the living thing.
    pub fn forbidding() -> Self {
        MemoryJournal {
            forbids: true,
            ..Self::default()
        }
    }

    /// From now on it breaks no more.
    pub fn mend(&mut self) {
        self.breach = None;
        self.forbids = false;
    }

    /// How many durable writes there were.
    pub fn records(&self) -> usize {
        self.records
    }

    fn breaks(&self, now: Moment) -> Result<()> {
        match &self.breach {
            Some((at, moment, breach)) if *at == self.records && *moment == now => breach.happen(),
            _ => Ok(()),
        }
    }
}

impl Journal for MemoryJournal {
    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn record(&mut self, key: &str, done: bool, data: serde_json::Value) -> Result<()> {
        self.record_all(vec![Step {
            key: key.to_owned(),
            done,
            data,
        }])
    }

    fn record_all(&mut self, steps: Vec<Step>) -> Result<()> {
        self.breaks(Moment::Before)?;
        for step in steps {
            match self.steps.iter_mut().find(|known| known.key == step.key) {
                Some(known) => *known = step,
                None => self.steps.push(step),
            }
        }
        let kept = self.breaks(Moment::After);
        self.records += 1;
        kept
    }

    fn changing(&mut self) -> Result<()> {
        if self.forbids {
            return Err(Problem::internal("nothing may be changed, for a test"));
        }
        Ok(())
    }
}
