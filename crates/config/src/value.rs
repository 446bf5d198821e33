//! The kinds of values, and how each is read from text and from TOML.
//!
//! A flag, an environment variable and a TOML string are all text and go through [`Kind::parse`]; what TOML has a
//! type for must have that type there. Weights are decimals with at most six places and become parts per million
//! digit by digit, so 0.7 + 0.3 is exactly one.

use std::fmt;
use std::net::SocketAddr;

use mempool::PPM;

use crate::address;
use crate::channel::ReleaseChannel;
use crate::secret::Secret;

/// Longest text value, bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Most entries of a list.
pub const LIST_MAX: usize = 256;
/// Longest moniker, characters.
pub const NAME_MAX: usize = 64;
/// Longest secret, characters.
pub const SECRET_MAX: usize = 256;
/// Decimal places of a weight.
const WEIGHT_PLACES: usize = 6;
/// The log levels, least to most.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Number {
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
        /// A number outside is moved to the nearest bound with a warning; otherwise it is refused.
        clamped: bool,
    },
    /// A whole number that may be negative, at most this far from 0.
    Offset {
        /// The largest distance.
        max: u32,
    },
    /// A decimal between 0 and 1.
    Weight,
    /// A short name of letters, digits, `.`, `_` and `-`.
    Name,
    /// One word of a list.
    Choice {
        /// The words.
        words: &'static [&'static str],
    },
    /// A rollout channel; `dev` is another spelling of the first.
    Channel,
    /// A path; relative ones lie below the home directory.
    Path,
    /// An `http` or `https` URL without a user.
    Url,
    /// A log level, or levels by module.
    LogFilter,
    /// An address to listen on, as libp2p writes it.
    Listen,
    /// Several such addresses.
    ListenList,
    /// Addresses of peers, as libp2p writes them.
    PeerList,
    /// Addresses of accounts.
    AccountList,
    /// Names of hosts, without port.
    HostList,
    /// An IP address and a port.
    Socket,
    /// A secret text.
    Secret,
}

/// A value that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing was set, and the key has no default.
    Unset,
    /// Of [`Kind::Bool`].
    Bool(bool),
    /// Of [`Kind::Number`], in the key's unit.
    Number(u64),
    /// Of [`Kind::Offset`], in the key's unit.
    Offset(i64),
    /// Of [`Kind::Weight`], parts per million.
    Weight(u32),
    /// Of every kind that is one text.
    Text(String),
    /// Of the lists.
    List(Vec<String>),
    /// Of [`Kind::Secret`].
    Secret(Secret),
}

/// Why a text is no value of a kind: the end of a sentence that starts with the key.
pub(crate) type Refusal = String;

impl Kind {
    /// The name of the kind, for the manual.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Number { .. } | Self::Offset { .. } => "integer",
            Self::Weight => "decimal",
            Self::Name => "name",
            Self::Choice { .. } => "choice",
            Self::Channel => "release channel",
            Self::Path => "path",
            Self::Url => "URL",
            Self::LogFilter => "log filter",
            Self::Listen => "address",
            Self::ListenList | Self::PeerList => "list of addresses",
            Self::AccountList => "list of accounts",
            Self::HostList => "list of host names",
            Self::Socket => "IP address and port",
            Self::Secret => "secret",
        }
    }

    /// What the kind takes, in words that end the sentence "give …".
    pub fn expected(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Number { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Offset { max } => format!("a whole number from -{max} to {max}"),
            Self::Weight => "a decimal from 0 to 1 with at most six places, such as 0.7".to_owned(),
            Self::Name => format!("1 to {NAME_MAX} of the characters a-z, A-Z, 0-9, `.`, `_` and `-`"),
            Self::Choice { words } => format!("one of: {}", words.join(", ")),
            Self::Path => "a path; a relative one lies below the home directory".to_owned(),
            Self::Channel => "one of: development (or dev), testnet, canary, mainnet".to_owned(),
            Self::Url => "a URL such as http://127.0.0.1:4317 or https://collector.example.org:4317".to_owned(),
            Self::LogFilter => {
                format!("a level ({}), or levels by module such as info,consensus=debug", LEVELS.join(", "))
            }
            Self::Listen => {
                "an address such as /ip4/127.0.0.1/tcp/26656 or /ip4/127.0.0.1/udp/26656/quic-v1".to_owned()
            }
            Self::ListenList => {
                format!(
                    "at most {LIST_MAX} addresses such as /ip4/127.0.0.1/udp/26657/quic-v1 or /ip4/127.0.0.1/tcp/26657"
                )
            }
            Self::PeerList => {
                format!(
                    "at most {LIST_MAX} addresses such as /ip4/192.0.2.1/tcp/26656 or /dns/example.org/udp/26657/quic-v1"
                )
            }
            Self::AccountList => format!("at most {LIST_MAX} accounts, each as tb1…"),
            Self::HostList => format!("at most {LIST_MAX} names of hosts such as node.example.org, without port"),
            Self::Socket => "an IP address and a port such as 127.0.0.1:26658 or [::1]:26658".to_owned(),
            Self::Secret => format!("1 to {SECRET_MAX} visible ASCII characters"),
        }
    }

    /// Whether a value of this kind stands in quotes in TOML; lists aside.
    pub(crate) fn is_quoted(&self) -> bool {
        !matches!(self, Self::Bool | Self::Number { .. } | Self::Offset { .. } | Self::Weight)
    }

    /// Whether the kind is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::ListenList | Self::PeerList | Self::AccountList | Self::HostList)
    }

    /// Reads a value from text, as in flags and the environment. The entries of a list stand between commas.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, Refusal> {
        let text = text.trim();
        if self.is_list() {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            return self.list(entries.map(str::to_owned).collect());
        }
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("is longer than {TEXT_BYTES_MAX} bytes"));
        }
        match *self {
            Self::Bool => boolean(text),
            Self::Number { min, max, clamped } => number(text, min, max, clamped),
            Self::Offset { max } => offset(text, max),
            Self::Weight => weight(text).map(Value::Weight),
            Self::Choice { words } => choice(text, words),
            Self::Secret => secret(text),
            Self::Name => name(text),
            Self::Path => Ok(Value::Text(text.to_owned())),
            Self::Url => url(text),
            Self::Channel => match text.parse::<ReleaseChannel>() {
                Ok(channel) => Ok(Value::Text(channel.as_str().to_owned())),
                Err(_) => Err("is unknown".to_owned()),
            },
            Self::LogFilter => log_filter(text),
            Self::Listen => address::check_listen(text).map(|()| Value::Text(text.to_owned())),
            Self::Socket => match text.parse::<SocketAddr>() {
                Ok(socket) => Ok(Value::Text(socket.to_string())),
                Err(_) => Err("is not an IP address and a port".to_owned()),
            },
            Self::ListenList | Self::PeerList | Self::AccountList | Self::HostList => {
                unreachable!("lists were read above")
            }
        }
    }

    /// Reads a value of a TOML file.
    pub(crate) fn parse_toml(&self, value: &toml::Value) -> Result<Value, Refusal> {
        match (self, value) {
            (Self::Bool, toml::Value::Boolean(flag)) => Ok(Value::Bool(*flag)),
            (Self::Number { .. } | Self::Offset { .. } | Self::Weight, toml::Value::Integer(number)) => {
                self.parse(&number.to_string())
            }
            // Rust writes a float with the fewest digits that read back as the same float, never with an exponent.
            (Self::Weight, toml::Value::Float(decimal)) => self.parse(&decimal.to_string()),
            (kind, toml::Value::Array(entries)) if kind.is_list() => {
                let texts: Option<Vec<String>> =
                    entries.iter().map(|entry| entry.as_str().map(|text| text.trim().to_owned())).collect();
                self.list(texts.ok_or_else(|| "holds an entry that is not a text in quotes".to_owned())?)
            }
            (kind, toml::Value::String(text)) if kind.is_quoted() && !kind.is_list() => self.parse(text),
            (_, other) => Err(format!("has the wrong type ({})", other.type_str())),
        }
    }

    fn list(&self, entries: Vec<String>) -> Result<Value, Refusal> {
        if entries.len() > LIST_MAX {
            return Err(format!("has {} entries", entries.len()));
        }
        for entry in &entries {
            let checked = match self {
                Self::ListenList => address::check_listen(entry),
                Self::AccountList => {
                    entry.parse::<primitives::Address>().map(|_| ()).map_err(|error| format!("is no account: {error}"))
                }
                Self::HostList => address::check_host(entry),
                _ => address::check_peer(entry),
            };
            checked.map_err(|reason| format!("holds `{}`, which {reason}", shortened(entry)))?;
        }
        Ok(Value::List(entries))
    }
}

fn boolean(text: &str) -> Result<Value, Refusal> {
    match text {
        "true" | "1" => Ok(Value::Bool(true)),
        "false" | "0" => Ok(Value::Bool(false)),
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn number(text: &str, min: u64, max: u64, clamped: bool) -> Result<Value, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number".to_owned());
    }
    match text.parse::<u64>() {
        Ok(number) if clamped || (min..=max).contains(&number) => Ok(Value::Number(number)),
        _ => Err("is out of range".to_owned()),
    }
}

fn offset(text: &str, max: u32) -> Result<Value, Refusal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number".to_owned());
    }
    match text.parse::<i64>() {
        Ok(number) if number.unsigned_abs() <= u64::from(max) => Ok(Value::Offset(number)),
        _ => Err("is out of range".to_owned()),
    }
}

/// Parts per million of a decimal between 0 and 1.
fn weight(text: &str) -> Result<u32, Refusal> {
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(places) {
        return Err("is not a decimal".to_owned());
    }
    let places = places.trim_end_matches('0');
    if places.len() > WEIGHT_PLACES {
        return Err("has more than six decimal places".to_owned());
    }
    let whole = whole.trim_start_matches('0');
    let fraction: u32 = format!("{places:0<WEIGHT_PLACES$}").parse().expect("six digits are a number");
    match whole {
        "" => Ok(fraction),
        "1" if fraction == 0 => Ok(PPM),
        _ => Err("is above 1".to_owned()),
    }
}

fn choice(text: &str, words: &[&str]) -> Result<Value, Refusal> {
    if words.contains(&text) { Ok(Value::Text(text.to_owned())) } else { Err("is unknown".to_owned()) }
}

/// A user in a URL would be a secret in a place that is shown, so there is none.
fn url(text: &str) -> Result<Value, Refusal> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| "starts with neither http:// nor https://".to_owned())?;
    let host = rest.split('/').next().unwrap_or_default();
    if rest.contains('@') {
        return Err("names a user; a token has a key of its own".to_owned());
    }
    if host.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has no host, or signs that no URL has".to_owned());
    }
    Ok(Value::Text(text.trim_end_matches('/').to_owned()))
}

fn name(text: &str) -> Result<Value, Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.len() > NAME_MAX {
        return Err("is too long".to_owned());
    }
    if text.bytes().all(allowed) { Ok(Value::Text(text.to_owned())) } else { Err("holds other characters".to_owned()) }
}

fn secret(text: &str) -> Result<Value, Refusal> {
    if text.len() > SECRET_MAX {
        return Err("is too long".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a character that is not visible ASCII".to_owned());
    }
    Ok(Value::Secret(Secret::new(text.to_owned())))
}

/// Directives with spans and fields (`[…]`) are left to the logger; the rest must name levels that exist.
fn log_filter(text: &str) -> Result<Value, Refusal> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.contains('[')) {
        let (module, level) = directive.rsplit_once('=').unwrap_or(("module", directive));
        let is_module = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-');
        if !is_level(level) {
            return Err(format!("has no level `{}`", shortened(level)));
        }
        if module.is_empty() || !module.bytes().all(is_module) {
            return Err(format!("has no module `{}`", shortened(module)));
        }
    }
    Ok(Value::Text(text.to_owned()))
}

/// The first characters of a text that goes into a message, without the user and password of a URL in it.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    let text = &without_user(text);
    let shown: String = text.chars().take(SHOWN).filter(|character| !character.is_control()).collect();
    if text.chars().nth(SHOWN).is_some() { format!("{shown}…") } else { shown }
}

/// A text without the users and passwords of the URLs in it: they are secrets also in a value that is refused. Whatever
/// stands between `://` and the last `@` goes, because a password may hold any sign.
fn without_user(text: &str) -> String {
    const SCHEME_END: &str = "://";
    let mut pieces = text.split(SCHEME_END);
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        shown.push_str(SCHEME_END);
        match piece.rsplit_once('@') {
            Some((_, rest)) => shown.push_str(&format!("…@{rest}")),
            None => shown.push_str(piece),
        }
    }
    shown
}

/// A weight as people write it.
fn decimal(ppm: u32) -> String {
    let places = format!("{:06}", ppm % PPM);
    let places = places.trim_end_matches('0');
    format!("{}.{}", ppm / PPM, if places.is_empty() { "0" } else { places })
}

impl fmt::Display for Value {
    /// The form that a flag or an environment variable takes; a secret is shown as `(set)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("(not set)"),
            Self::Bool(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Offset(number) => number.fmt(f),
            Self::Weight(ppm) => f.write_str(&decimal(*ppm)),
            Self::Text(text) => f.write_str(text),
            Self::List(entries) => f.write_str(&entries.join(",")),
            Self::Secret(_) => f.write_str("(set)"),
        }
    }
}
