//! Who has to leave for whom, against every mix of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use testkit::Seed;

use crate::guests::{CONNECTIONS_MAX, Guests, NEWCOMERS_MAX, Seat};

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

#[test]
fn a_stranger_of_one_address_pushes_out_itself_however_often_it_comes() {
    let mut guests = Guests::default();
    let full = u64::try_from(NEWCOMERS_MAX).unwrap();
    for number in 0..full {
        assert_eq!(guests.enter(number, STRANGER), None);
    }
    assert_eq!(guests.enter(full, NODE), Some(0), "the oldest stranger leaves");
    for number in 1..10 * full {
        assert_ne!(guests.enter(full + number, STRANGER), Some(full), "the node is pushed out");
    }
    assert_eq!(guests.sit(full), Seat::Taken);
    assert_eq!(guests.sit(0), Seat::Gone);
    assert!(guests.has(full) && !guests.has(0));
}

#[test]
fn an_address_of_ipv6_counts_as_its_64() {
    let of = |host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, host));
    let mut guests = Guests::default();
    assert_eq!(guests.enter(1_000, NODE), None);
    for number in 1..u16::try_from(NEWCOMERS_MAX).unwrap() {
        assert_eq!(guests.enter(number.into(), of(number)), None);
    }
    assert_eq!(guests.enter(1_001, STRANGER), Some(1), "not the node, though it came first");
}

#[test]
fn places_are_bounded_and_come_free_again() {
    let mut seed = Seed::new();
    let mut guests = Guests::default();
    let (mut newcomers, mut nodes) = (Vec::new(), Vec::new());
    for number in 0..5_000 {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, u8::try_from(seed.below(5)).unwrap()));
        let left = guests.enter(number, address);
        assert_eq!(
            left.is_some(),
            newcomers.len() == NEWCOMERS_MAX,
            "somebody leaves when there is no room, and then only"
        );
        newcomers.retain(|one| Some(*one) != left);
        newcomers.push(number);
        match seed.below(4) {
            0 => {
                let one = newcomers.swap_remove(seed.index(newcomers.len()));
                let is_full = nodes.len() == CONNECTIONS_MAX;
                assert_eq!(guests.sit(one), if is_full { Seat::Full } else { Seat::Taken });
                if is_full { guests.leave(one) } else { nodes.push(one) }
            }
            1 if !nodes.is_empty() => guests.leave(nodes.swap_remove(seed.index(nodes.len()))),
            2 => guests.leave(newcomers.swap_remove(seed.index(newcomers.len()))),
            _ => {}
        }
        assert!(newcomers.iter().chain(&nodes).all(|one| guests.has(*one)));
        assert!(newcomers.len() <= NEWCOMERS_MAX && nodes.len() <= CONNECTIONS_MAX);
    }
}
