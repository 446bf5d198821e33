//! The keys of who may connect to the RPC server, and under which names.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `node/src/rpc/places.rs`,
//! `node/src/rpc/origin.rs`.

use super::entry::{Key, key, number};
use crate::value::Kind;

/// Most connections that can be asked for.
const CONNECTIONS_MAX_MOST: u64 = 65_536;

pub(super) const CONNECTIONS_MAX: Key = key(
    "rpc.connections_max",
    &["TB_RPC_CONNECTIONS_MAX"],
    number(1, CONNECTIONS_MAX_MOST),
    "Most open connections to the RPC server. One more takes the place of the one that has waited longest without a whole request; while all are at work it is answered for health probes alone. A quarter of them may wait for transactions, and a quarter may be event streams.",
)
.unit("connections")
.default("1024", "64");

pub(super) const CONNECTIONS_PER_ADDRESS_MAX: Key = key(
    "rpc.connections_per_address_max",
    &["TB_RPC_CONNECTIONS_PER_ADDRESS_MAX"],
    number(1, CONNECTIONS_MAX_MOST),
    "Most open connections of one address, or of one /64 of IPv6, on this machine as well. Raise it for a proxy or a wallet runtime in front of the node: all its clients share one address.",
)
.unit("connections")
.default("128", "1024");

pub(super) const HOSTS: Key = key(
    "rpc.hosts",
    &["TB_RPC_HOSTS"],
    Kind::HostList,
    "Names under which clients reach the RPC server over plain http, beside IP addresses and `localhost`. A request for another name is refused, so that a web page cannot reach the node under a name of its own. A web page of one of these names may also hand in requests through a proxy.",
)
.default("", "node.example.org");
