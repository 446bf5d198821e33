//! The same rules in less time, for drills on a running network.
//!
//! ```text
//! alerts ─► Pace { divisor: 60, … } ─► `[10m]` becomes `[10s]`, `for: 5m` becomes `for: 5s`, thresholds stay as they are
//! ```
//! A drill cannot wait an hour for `increase(x[1h]) > 0`. There is no second list of rules: what is judged in a drill is the text
//! that operators load, with other durations. Windows and waits have a floor, because a window needs a few scrapes.

use crate::rules;

/// How much shorter every duration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Every duration is divided by this.
    pub divisor: u64,
    /// No window of an expression is shorter, seconds.
    pub window_seconds_min: u64,
    /// No wait of an alert (`for`) that is not zero is shorter, seconds.
    pub lasting_seconds_min: u64,
}

/// A duration as the rules write it, in seconds; `None` for anything but one number with one unit.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(factor)
}

impl Pace {
    /// The rules of operators.
    pub const REAL: Self = Self { divisor: 1, window_seconds_min: 0, lasting_seconds_min: 0 };

    /// `alert.rules.yml` at this pace.
    pub fn rules(self) -> String {
        rules::file(self, rules::RUNBOOKS)
    }

    /// How long an alert must hold.
    pub(crate) fn lasting(self, text: &str) -> String {
        match seconds(text) {
            Some(seconds) if self != Self::REAL && seconds > 0 => {
                format!("{}s", (seconds / self.divisor.max(1)).max(self.lasting_seconds_min))
            }
            _ => text.to_owned(),
        }
    }

    /// An expression with shorter windows and offsets. What stands in quotes is left alone.
    pub(crate) fn expr(self, expr: &str) -> String {
        if self == Self::REAL {
            return expr.to_owned();
        }
        let parts = expr.split('"').enumerate();
        let parts = parts.map(|(place, part)| if place % 2 == 0 { self.unquoted(part) } else { part.to_owned() });
        parts.collect::<Vec<_>>().join("\"")
    }

    fn unquoted(self, text: &str) -> String {
        let window = |text: &str| {
            let seconds = seconds(text)?;
            Some(format!("{}s", (seconds / self.divisor.max(1)).max(self.window_seconds_min)))
        };
        let mut out = String::new();
        let mut rest = text;
        loop {
            let bracket = rest.find('[').map(|at| at + 1);
            let offset = rest.find("offset ").map(|at| at + "offset ".len());
            let Some(start) = bracket.into_iter().chain(offset).min() else { break };
            let (before, from) = rest.split_at(start);
            let length = from.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(from.len());
            let (duration, after) = from.split_at(length);
            out.push_str(before);
            out.push_str(&window(duration).unwrap_or_else(|| duration.to_owned()));
            rest = after;
        }
        out + rest
    }
}
