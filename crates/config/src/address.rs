//! The form of libp2p addresses and of host names, as far as a configuration can be checked without the network.
//!
//! ```text
//! /ip4|ip6/<address> | /dns|dns4|dns6/<name>   /tcp/<port> | /udp/<port>/quic-v1   [/p2p/<peer id>]
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name of a host, characters.
const HOST_MAX: usize = 253;
/// Longest peer id, characters.
const PEER_ID_MAX: usize = 64;

/// The parts of an address that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Set when the host is not a name.
    pub(crate) ip: Option<IpAddr>,
    /// `tcp` or `udp`.
    pub(crate) transport: &'static str,
    /// Port.
    pub(crate) port: u16,
    /// Whether a peer id follows.
    has_peer: bool,
}

/// Reads an address, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Address, String> {
    let mut parts = text.split('/');
    if parts.next() != Some("") {
        return Err("does not start with /ip4, /ip6 or /dns".to_owned());
    }
    let ip = host(parts.next(), parts.next())?;
    let (transport, port) = match (parts.next(), parts.next()) {
        (Some("tcp"), Some(port)) => ("tcp", port),
        (Some("udp"), Some(port)) => match parts.next() {
            Some("quic-v1") => ("udp", port),
            _ => return Err("has no /quic-v1 after its udp port".to_owned()),
        },
        _ => return Err("names neither /tcp/<port> nor /udp/<port>/quic-v1".to_owned()),
    };
    let port = port.parse().map_err(|_| "has no port from 0 to 65535".to_owned())?;
    let has_peer = match (parts.next(), parts.next()) {
        (None, None) => false,
        (Some("p2p"), Some(id)) if is_peer_id(id) => true,
        _ => return Err("ends in something other than /p2p/<peer id>".to_owned()),
    };
    if parts.next().is_some() {
        return Err("goes on after the peer id".to_owned());
    }
    Ok(Address { ip, transport, port, has_peer })
}

fn host(kind: Option<&str>, host: Option<&str>) -> Result<Option<IpAddr>, String> {
    let host = host.unwrap_or_default();
    match kind {
        Some("ip4") => host.parse::<Ipv4Addr>().map(|ip| Some(ip.into())).map_err(|_| "has no IPv4 address".to_owned()),
        Some("ip6") => host.parse::<Ipv6Addr>().map(|ip| Some(ip.into())).map_err(|_| "has no IPv6 address".to_owned()),
        Some("dns" | "dns4" | "dns6") => {
            if is_name(host) {
                Ok(None)
            } else {
                Err("has no host name".to_owned())
            }
        }
        _ => Err("does not start with /ip4, /ip6 or /dns".to_owned()),
    }
}

fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !host.is_empty() && host.len() <= HOST_MAX && host.bytes().all(allowed)
}

/// Whether `text` is the name of a host alone.
pub(crate) fn check_host(text: &str) -> Result<(), String> {
    if is_name(text) { Ok(()) } else { Err("is no name of a host; leave out scheme and port".to_owned()) }
}

fn is_peer_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= PEER_ID_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether one can listen on `text`.
pub(crate) fn check_listen(text: &str) -> Result<(), String> {
    let address = parse(text)?;
    if address.ip.is_none() {
        return Err("names a host; one listens on an IP address".to_owned());
    }
    if address.has_peer { Err("holds a peer id; that belongs to addresses of peers".to_owned()) } else { Ok(()) }
}

/// Whether one can dial `text`.
pub(crate) fn check_peer(text: &str) -> Result<(), String> {
    let address = parse(text)?;
    if address.port == 0 { Err("has port 0, which nobody listens on".to_owned()) } else { Ok(()) }
}
