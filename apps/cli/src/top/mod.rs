//! `tb top`: one node on one screen, while it runs.
//!
//! ```text
//! node's RPC ──┐
//!              ├─► gather: one View per interval ─► draw: a View into cells ─► terminal, or lines of text
//! Prometheus ──┘
//! ```
//! Rules
//! - A view holds what the node said, unchanged; `--json` prints it. What is drawn is computed from the view alone.
//! - Nothing is told by colour alone: every state is also a word.
//! - A node that limits how often it is asked is asked more rarely, as long as it does, and the screen says so.
//! - A node that stops answering keeps its last view on the screen, under a line that says since when and why.
//!
//! Read next: [`view`], [`pace`], `draw.rs`, `commands/top.rs` (the keys and the loop).

pub mod draw;
pub mod pace;
pub mod view;

pub use draw::{Standing, draw, lines};
pub use pace::Pace;
pub use view::{View, gather};
