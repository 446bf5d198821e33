//! Whether the address for consensus is free.
//!
//! Why: the engine writes a refused port into its log and goes on, so the node would run without ever hearing from
//! its peers. This chain refuses to start instead, by name.

use std::io;
use std::net::{IpAddr, TcpListener, UdpSocket};

/// Binds `address`, such as `/ip4/127.0.0.1/tcp/26656`, and gives it back. A form that is not an address of this
/// machine with a port, such as a name, is left to the engine.
///
/// # Errors
/// What the system says.
pub fn check_free(address: &str) -> io::Result<()> {
    let parts: Vec<&str> = address.split('/').collect();
    let &["", _, host, transport, port, ..] = parts.as_slice() else { return Ok(()) };
    let (Ok(host), Ok(port)) = (host.parse::<IpAddr>(), port.parse::<u16>()) else { return Ok(()) };
    match transport {
        "tcp" => TcpListener::bind((host, port)).map(drop),
        "udp" => UdpSocket::bind((host, port)).map(drop),
        _ => Ok(()),
    }
}
