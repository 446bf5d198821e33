//! A throw-away network on this machine: homes, child processes, a live status line.
//!
//! ```text
//! DIR/devnet.json             what was asked for; marks the folder as ours
//! DIR/password  DIR/keys/     account-1 … account-10 and the password of their files
//! DIR/genesis.json            a copy for people
//! DIR/nodeI/                  one home directory each; nodeI/node.log has what the process said
//! ```
//!
//! Rules
//! - A folder that is not marked is never written into and never deleted.
//! - Every child holds the read end of a pipe from us as its standard input (`--stop-with-stdin`): when we are gone,
//!   however that came about, the pipe ends and the children stop in order.
//! - Ports are looked at before anything is made or started.
//!
//! Read next: [`layout`], [`children`], [`status_line`]; for drills [`drill`], [`relay`], [`datagrams`].

pub mod children;
pub mod datagrams;
pub mod drill;
pub mod layout;
pub mod relay;
pub mod status_line;
