//! Nothing, in place of `halo2` 0.1.0-beta.2.
//!
//! The hash library below the recursion circuit names that crate and uses nothing of it: the published one is a few
//! attributes without code, under a licence that this project does not accept, and it brings a proof system along.
//! The root manifest puts this crate in its place.
