//! Certified headers, by skipping: each is judged from the last one that is trusted.
//!
//! ```text
//!   trusted (height t, set V_t) ──► header h, its certificate, its set V_h
//!     h = t + 1:  parent and V_h are the ones that header t names
//!     h > t + 1:  signers with more than a third of the power of V_t signed it, too
//!     h < t:      the same backwards, from a checkpoint: header h is the parent of t, or more than a third of V_t signed it
//!     always:     signers with more than two thirds of the power of V_h signed it
//! ```
//! Why a third: as long as more than two thirds of V_t are honest, one of them signed h, and honest validators sign one
//! chain, before t as after it. A set that has changed too much for that is reached in smaller steps ([`LightError::TooFar`]).
//! That assumption holds for the trusting period only, within which their stake can still be slashed.

use primitives::{CertificateError, CommitCertificate, Hash, Header, Height, Timestamp, ValidatorSet};

use primitives::validator::ValidatorSetError;

use crate::light::rules::ChainRules;

/// How far a header's time may lie ahead of this machine's clock, milliseconds.
pub const CLOCK_DRIFT_MS: u64 = 10_000;

/// A header with what shows that it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// The precommits that decided it.
    pub certificate: CommitCertificate,
    /// The set that decided it.
    pub validators: ValidatorSet,
}

/// Why a header does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// What is trusted is too old to judge anything by.
    #[error(
        "the trusted height {height} is {age_ms} ms old, it counts for {period_ms} ms: validators of that time could \
         have left and be beyond punishment"
    )]
    CheckpointTooOld {
        /// What is trusted.
        height: Height,
        /// Its age.
        age_ms: u64,
        /// The trusting period.
        period_ms: u64,
    },
    /// Of another chain.
    #[error("the header at height {height} is of another chain")]
    OtherChain {
        /// Its height.
        height: Height,
    },
    /// Not above what is trusted.
    #[error("the header at height {found} is not above the trusted height {trusted}")]
    NotAbove {
        /// What is trusted.
        trusted: Height,
        /// The header's height.
        found: Height,
    },
    /// Its time does not follow.
    #[error(
        "the time of the header at height {height} does not fit that of the trusted one: later blocks have later times, \
         and none is of the future"
    )]
    Time {
        /// Its height.
        height: Height,
    },
    /// The set is not the one that the header names.
    #[error("the validators given for height {height} are not the set that its header names")]
    OtherSet {
        /// The height.
        height: Height,
    },
    /// The validators given are no set.
    #[error("the validators given for height {height} are no set: {error}")]
    NoSet {
        /// The height.
        height: Height,
        /// What is wrong with them.
        error: ValidatorSetError,
    },
    /// The next header does not follow from the trusted one.
    #[error("the header at height {height} does not follow the trusted one: another parent or another set")]
    NotNext {
        /// Its height.
        height: Height,
    },
    /// The certificate does not show that it was decided.
    #[error("the certificate of height {height}: {error}")]
    Certificate {
        /// The height.
        height: Height,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// Too few of those who are trusted signed it: try a height in between.
    #[error(
        "signers of height {height} hold {power} of the {total} power of the set at height {trusted}, more than a third \
         is needed"
    )]
    TooFar {
        /// What is trusted.
        trusted: Height,
        /// The header's height.
        height: Height,
        /// Power of the trusted set that signed.
        power: u64,
        /// Power of the trusted set.
        total: u64,
    },
    /// Not below what is trusted.
    #[error("the header at height {found} is not below the trusted height {trusted}")]
    NotBelow {
        /// What is trusted.
        trusted: Height,
        /// The header's height.
        found: Height,
    },
    /// The header just below the trusted one is not its parent.
    #[error("the header at height {height} is not the parent of the trusted one above it")]
    NotTheParent {
        /// Its height.
        height: Height,
    },
    /// Another header than the one that was asked for.
    #[error("asked for height {wanted}, it answered for {found}")]
    NotWanted {
        /// What was asked for.
        wanted: Height,
        /// What came.
        found: Height,
    },
    /// Not the header that is trusted.
    #[error("height {height} has another hash there than the one to be trusted")]
    OtherHash {
        /// The height.
        height: Height,
    },
}

/// The newest header that counts, and by which later ones are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    height: Height,
    hash: Hash,
    parent: Hash,
    time: Timestamp,
    validators: ValidatorSet,
    next_validators: Hash,
    certificates: u64,
}

impl Attested {
    /// Trusts the genesis file.
    pub fn genesis(rules: &ChainRules) -> Self {
        Self {
            height: Height::GENESIS,
            hash: rules.genesis,
            parent: Hash::default(),
            time: rules.genesis_time,
            validators: rules.validators.clone(),
            next_validators: rules.validators.hash(),
            certificates: 0,
        }
    }

    /// Trusts a header whose hash was learned elsewhere; its certificate is not needed for that.
    ///
    /// # Errors
    /// [`LightError::OtherChain`], or [`LightError::OtherSet`] when the set is not the header's.
    pub fn checkpoint(rules: &ChainRules, header: &Header, validators: ValidatorSet) -> Result<Self, LightError> {
        let height = header.height;
        if header.genesis != rules.genesis {
            return Err(LightError::OtherChain { height });
        }
        let validators = checked(height, header, &validators)?;
        Ok(Self::at(header, validators, 0))
    }

    fn at(header: &Header, validators: ValidatorSet, certificates: u64) -> Self {
        Self {
            height: header.height,
            hash: header.hash(),
            parent: header.parent,
            time: header.time,
            validators,
            next_validators: header.next_validators,
            certificates,
        }
    }

    /// The newest height that counts.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Its block's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Its block time.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// How many certificates were checked on the way.
    pub fn certificates(&self) -> u64 {
        self.certificates
    }

    /// Whether what is trusted still counts at `now`.
    ///
    /// # Errors
    /// [`LightError::CheckpointTooOld`].
    pub fn check_age(&self, rules: &ChainRules, now: Timestamp) -> Result<(), LightError> {
        let (age_ms, period_ms) = (now.since(self.time), rules.trusting_period_ms);
        if age_ms > period_ms {
            return Err(LightError::CheckpointTooOld { height: self.height, age_ms, period_ms });
        }
        Ok(())
    }

    /// Moves to `next`, by the rules above.
    ///
    /// # Errors
    /// The first [`LightError`] that holds; nothing has changed then. After [`LightError::TooFar`] a height in
    /// between may do.
    pub fn advance(&mut self, rules: &ChainRules, next: &CertifiedHeader, now: Timestamp) -> Result<(), LightError> {
        let CertifiedHeader { header, certificate, validators } = next;
        let height = header.height;
        self.check_age(rules, now)?;
        if header.genesis != rules.genesis {
            return Err(LightError::OtherChain { height });
        }
        if height <= self.height {
            return Err(LightError::NotAbove { trusted: self.height, found: height });
        }
        if header.time <= self.time || header.time > now.plus(CLOCK_DRIFT_MS) {
            return Err(LightError::Time { height });
        }
        let validators = checked(height, header, validators)?;
        let bad = |error| LightError::Certificate { height, error };
        if certificate.height != height || certificate.block != header.hash() {
            return Err(bad(CertificateError::WrongBlock));
        }
        if height == self.height.next() {
            if header.parent != self.hash || header.validators != self.next_validators {
                return Err(LightError::NotNext { height });
            }
        } else {
            self.check_overlap(certificate)?;
        }
        certificate.verify(&validators, &rules.genesis).map_err(bad)?;
        *self = Self::at(header, validators, self.certificates.saturating_add(1));
        Ok(())
    }

    /// Whether more than a third of the trusted power is among the signers. The signatures are checked elsewhere:
    /// the same addresses have the same keys, because an address is the hash of its key.
    fn check_overlap(&self, certificate: &CommitCertificate) -> Result<(), LightError> {
        let signed = certificate.signatures.iter().filter_map(|entry| self.validators.get(&entry.address));
        let power = signed.fold(0_u64, |sum, validator| sum.saturating_add(validator.power));
        let total = self.validators.total_power();
        if u128::from(power) * 3 > u128::from(total) {
            return Ok(());
        }
        Err(LightError::TooFar { trusted: self.height, height: certificate.height, power, total })
    }

    /// What is trusted once `earlier`, a block below this one, counts by the rules above. Whether this one is too old is the
    /// caller's question ([`Attested::check_age`]), asked of the checkpoint.
    ///
    /// # Errors
    /// The first [`LightError`] that holds. After [`LightError::TooFar`] a height in between may do.
    pub fn below(&self, rules: &ChainRules, earlier: &CertifiedHeader) -> Result<Self, LightError> {
        let CertifiedHeader { header, certificate, validators } = earlier;
        let height = header.height;
        if header.genesis != rules.genesis {
            return Err(LightError::OtherChain { height });
        }
        if height >= self.height {
            return Err(LightError::NotBelow { trusted: self.height, found: height });
        }
        if header.time >= self.time {
            return Err(LightError::Time { height });
        }
        let validators = checked(height, header, validators)?;
        let bad = |error| LightError::Certificate { height, error };
        if certificate.height != height || certificate.block != header.hash() {
            return Err(bad(CertificateError::WrongBlock));
        }
        if height.next() != self.height {
            self.check_overlap(certificate)?;
        } else if self.parent != header.hash() {
            return Err(LightError::NotTheParent { height });
        }
        certificate.verify(&validators, &rules.genesis).map_err(bad)?;
        Ok(Self::at(header, validators, self.certificates.saturating_add(1)))
    }
}

/// The set, checked by its own rules, if it is the one that the header names.
fn checked(height: Height, header: &Header, validators: &ValidatorSet) -> Result<ValidatorSet, LightError> {
    let set = ValidatorSet::new(validators.validators().to_vec());
    let set = set.map_err(|error| LightError::NoSet { height, error })?;
    if set.hash() != header.validators {
        return Err(LightError::OtherSet { height });
    }
    Ok(set)
}
