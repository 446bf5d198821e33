//! From what is trusted to one header, by as few headers in between as the changes of the voting set allow.
//!
//! ```text
//!   trusted ───────────────── too far? ─────────────► goal
//!      └────── too far? ──► middle ──► …               wanted: who walks says which height is needed, and gets its header
//! ```
//!
//! Rules
//! - No I/O: whoever walks is told which height is wanted, fetches it wherever, and gives it.
//! - At most [`STEPS_MAX`] headers are judged.

use primitives::{Hash, Height, Timestamp};

use super::{Attested, CertifiedHeader, ChainRules, LightError};

/// Most headers that one walk judges.
pub const STEPS_MAX: usize = 4_096;

/// A walk to a header.
#[derive(Debug, Clone)]
pub struct Walk {
    rules: ChainRules,
    now: Timestamp,
    attested: Attested,
    /// The hash that is trusted, until its header was given.
    trust: Option<(Height, Hash)>,
    /// Headers that are not attested yet, the goal first.
    waiting: Vec<CertifiedHeader>,
    wanted: Option<Height>,
    steps: usize,
}

impl Walk {
    /// To `goal`, from genesis or from a height and hash that were learned elsewhere.
    ///
    /// # Errors
    /// [`LightError::CheckpointTooOld`] when genesis is what is trusted and is too old, or why the goal does not count.
    pub fn new(
        rules: ChainRules,
        trust: Option<(Height, Hash)>,
        goal: CertifiedHeader,
        now: Timestamp,
    ) -> Result<Self, LightError> {
        let (attested, steps) = (Attested::genesis(&rules), 0);
        let height = goal.header.height;
        let mut walk = Self { rules, now, attested, trust, waiting: vec![goal.clone()], wanted: None, steps };
        match trust {
            None => {
                walk.attested.check_age(&walk.rules, now)?;
                walk.go()?;
            }
            Some((trusted, _)) if trusted == height => walk.begin(&goal)?,
            Some((trusted, _)) => walk.wanted = Some(trusted),
        }
        Ok(walk)
    }

    /// The height whose header is needed next; none when the goal is attested.
    pub fn wanted(&self) -> Option<Height> {
        self.wanted
    }

    /// Certificates that were verified.
    pub fn certificates(&self) -> u64 {
        self.attested.certificates()
    }

    /// Takes the header that was wanted.
    ///
    /// # Errors
    /// Why it, or the goal by it, does not count. The walk is over then.
    pub fn give(&mut self, header: CertifiedHeader) -> Result<(), LightError> {
        let Some(wanted) = self.wanted.take() else { return Ok(()) };
        if header.header.height != wanted {
            return Err(LightError::NotWanted { wanted, found: header.header.height });
        }
        if self.trust.is_some() {
            return self.begin(&header);
        }
        self.waiting.push(header);
        self.go()
    }

    /// Begins at the header whose hash is trusted.
    fn begin(&mut self, header: &CertifiedHeader) -> Result<(), LightError> {
        let height = header.header.height;
        if self.trust.take().is_some_and(|(_, hash)| hash != header.header.hash()) {
            return Err(LightError::OtherHash { height });
        }
        self.attested = Attested::checkpoint(&self.rules, &header.header, header.validators.clone())?;
        self.attested.check_age(&self.rules, self.now)?;
        // A goal that is the trusted header itself needs no certificate.
        self.waiting.retain(|goal| goal.header.hash() != self.attested.hash());
        self.go()
    }

    /// Goes on until a header is wanted or the goal is attested.
    fn go(&mut self) -> Result<(), LightError> {
        while let Some(next) = self.waiting.last() {
            match self.attested.advance(&self.rules, next, self.now) {
                Ok(()) => drop(self.waiting.pop()),
                Err(LightError::TooFar { trusted, height, .. })
                    if self.steps < STEPS_MAX && height.0 > trusted.0.saturating_add(1) =>
                {
                    self.wanted = Some(Height(trusted.0.saturating_add(height.0.saturating_sub(trusted.0) / 2)));
                    self.steps += 1;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            self.steps += 1;
        }
        Ok(())
    }
}
