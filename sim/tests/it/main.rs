//! The simulator: the same seed twice, a few dozen seeds, scenarios, and checks that can fail.

mod runs;
