//! How often one caller may ask: token buckets, one pair for each address and each token.
//!
//! ```text
//! caller ──► bucket of reads    holds at most `burst`, gains `per_minute` a minute; a request takes one
//!        └─► bucket of writes   the same with its own numbers
//! ```
//! Rules
//! - Time comes in as an argument and never goes back.
//! - An IPv6 caller is its /64, because whoever has one address of it has all of them.
//! - At most [`CALLERS_MAX`] callers are remembered. When there is no room, those whose buckets are full again are
//!   forgotten, at most once in [`SWEEP_PAUSE`]; who still finds no room shares one pair of buckets with all others
//!   of that kind. So a flood from very many addresses costs memory and time that are bounded, and slows strangers only.
//! - A caller that is remembered keeps its buckets through such a flood.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::routes::{Access, Route};

/// Most callers that are remembered.
pub const CALLERS_MAX: usize = 16_384;
/// Shortest pause between two searches for callers that can be forgotten.
pub const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// Parts of one request in a bucket, so that whole numbers a minute become whole numbers a millisecond.
const PARTS: u64 = 60_000;

/// How often one caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests at once after a long silence. At least 1.
    pub burst: u32,
    /// Requests per minute in the long run. At least 1.
    pub per_minute: u32,
}

/// The rates of a node; `None`: not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Of routes that read.
    pub read: Option<Rate>,
    /// Of routes that write.
    pub write: Option<Rate>,
}

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Takes from the bucket of reads.
    Read,
    /// Takes from the bucket of writes.
    Write,
}

impl Class {
    /// The class of a route.
    pub const fn of(route: &Route) -> Self {
        match route.access {
            Access::Write => Self::Write,
            Access::Open | Access::Token => Self::Read,
        }
    }

    /// The name of the policy in headers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Somebody without a token, by address.
    Address(IpAddr),
    /// The bearer of the token with this number.
    Token(usize),
}

/// What a request is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whose bucket it was.
    pub class: Class,
    /// The rate in force.
    pub rate: Rate,
    /// Whether the request may go on.
    pub is_allowed: bool,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Until the next request would be allowed; zero when it would be now.
    pub wait: Duration,
}

impl Verdict {
    /// The header `RateLimit-Policy`: the burst, and the seconds in which an empty bucket fills.
    pub fn policy(&self) -> String {
        let window = u64::from(self.rate.burst).saturating_mul(60).div_ceil(u64::from(self.rate.per_minute));
        format!("\"{}\";q={};w={window}", self.class.name(), self.rate.burst)
    }

    /// The header `RateLimit`: what remains, and the seconds until there is more.
    pub fn remainder(&self) -> String {
        format!("\"{}\";r={};t={}", self.class.name(), self.remaining, self.wait_seconds())
    }

    /// The wait in whole seconds, rounded up so that whoever obeys is allowed.
    pub fn wait_seconds(&self) -> u64 {
        u64::try_from(self.wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    parts: u64,
    at: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { parts: capacity(rate), at: now }
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let elapsed = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        let gained = elapsed.saturating_mul(u64::from(rate.per_minute));
        // A part of a millisecond is kept for the next time; a bucket that is full has nothing to keep.
        if gained > 0 {
            self.parts = self.parts.saturating_add(gained).min(capacity(rate));
            self.at = self.at.checked_add(Duration::from_millis(elapsed)).unwrap_or(now);
        }
        self.parts = self.parts.min(capacity(rate));
    }

    fn take(&mut self, class: Class, rate: Rate, now: Instant) -> Verdict {
        self.fill(rate, now);
        let is_allowed = self.parts >= PARTS;
        if is_allowed {
            self.parts -= PARTS;
        }
        let missing = PARTS.saturating_sub(self.parts);
        Verdict {
            class,
            rate,
            is_allowed,
            remaining: u32::try_from(self.parts / PARTS).unwrap_or(u32::MAX),
            wait: Duration::from_millis(missing.div_ceil(u64::from(rate.per_minute))),
        }
    }
}

fn capacity(rate: Rate) -> u64 {
    u64::from(rate.burst).saturating_mul(PARTS)
}

/// The buckets of all callers.
#[derive(Debug)]
pub struct Buckets {
    rates: Rates,
    of_callers: HashMap<(Caller, Class), Bucket>,
    of_strangers: HashMap<Class, Bucket>,
    swept: Option<Instant>,
    callers_max: usize,
}

impl Buckets {
    /// Full buckets for everybody.
    pub fn new(rates: Rates) -> Self {
        Self::bounded(rates, CALLERS_MAX)
    }

    /// The same for so many callers.
    pub(crate) fn bounded(rates: Rates, callers_max: usize) -> Self {
        Self { rates, of_callers: HashMap::new(), of_strangers: HashMap::new(), swept: None, callers_max }
    }

    /// The rates in force.
    pub fn rates(&self) -> Rates {
        self.rates
    }

    /// Other rates from now on. Buckets keep what they hold, up to the new burst.
    pub fn set_rates(&mut self, rates: Rates) {
        self.rates = rates;
    }

    /// Takes one request from the caller's bucket; `None` where the class is not limited.
    pub fn take(&mut self, caller: Caller, class: Class, now: Instant) -> Option<Verdict> {
        let rate = match class {
            Class::Read => self.rates.read,
            Class::Write => self.rates.write,
        }?;
        let key = (known_as(caller), class);
        if !self.of_callers.contains_key(&key) && self.of_callers.len() >= self.callers_max {
            self.sweep(now);
        }
        let has_room = self.of_callers.len() < self.callers_max;
        let bucket = match self.of_callers.get_mut(&key) {
            Some(bucket) => bucket,
            None if has_room => self.of_callers.entry(key).or_insert_with(|| Bucket::full(rate, now)),
            None => self.of_strangers.entry(class).or_insert_with(|| Bucket::full(rate, now)),
        };
        Some(bucket.take(class, rate, now))
    }

    /// Callers that are remembered, counted once for each class.
    pub fn len(&self) -> usize {
        self.of_callers.len()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.of_callers.is_empty()
    }

    /// Forgets those whose buckets are full again: they lose nothing by it.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP_PAUSE) {
            return;
        }
        self.swept = Some(now);
        let rates = self.rates;
        self.of_callers.retain(|(_, class), bucket| {
            let rate = match class {
                Class::Read => rates.read,
                Class::Write => rates.write,
            };
            rate.is_some_and(|rate| {
                bucket.fill(rate, now);
                bucket.parts < capacity(rate)
            })
        });
    }
}

/// The caller as it is remembered.
fn known_as(caller: Caller) -> Caller {
    match caller {
        Caller::Address(address) => Caller::Address(holder(address)),
        token => token,
    }
}

/// What stands for everybody who has this address: an IPv4 address itself, also one that is mapped, and of IPv6 the /64.
pub fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address => address,
    }
}
