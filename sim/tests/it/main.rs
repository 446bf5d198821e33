//! The simulator: the same seed twice, a few dozen seeds, scenarios, and checks that can fail.

mod checks;
mod runs;
mod scenarios;
