//! What only tests need: a clock and randomness that stand still, and stand-ins for the living things.
//!
//! Nothing here is reachable from product code. Everything is deterministic: no wall clock, no sleeping,
//! no fixed ports.

mod clock;
pub mod conformance;
pub mod items;
pub mod loopback;
pub mod memory;
mod postgres;
mod random;

pub use clock::FakeClock;
pub use postgres::Postgres;
pub use random::FakeRandom;
