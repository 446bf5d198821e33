//! Recovery words: BIP-39, English, 24 words by default, 12 accepted.
//!
//! Model: entropy (32 or 16 bytes) ↔ words with a checksum → a 64-byte seed, by way of an optional
//! passphrase. A passphrase is not checked by anything: another passphrase gives another, valid seed.
//!
//! Rules
//! - Entropy is an argument; [`crate::draw`] takes it from the operating system.
//! - Everything secret is wiped when dropped.
//!
//! Source: BIP-39; its official English vectors pass in `tests/vectors.rs`. Read next: [`mod@crate::derive`].

use std::fmt;

use zeroize::Zeroizing;

/// Bytes of entropy behind 24 words.
pub const ENTROPY_BYTES: usize = 32;
/// Bytes of entropy behind 12 words.
pub const ENTROPY_BYTES_SHORT: usize = 16;
/// Longest text that is read as words, in bytes: 24 words of 8 letters with room for spaces.
pub const PHRASE_BYTES_MAX: usize = 512;
/// Bytes of a seed.
pub const SEED_BYTES: usize = 64;

/// A list of 12 or 24 recovery words. Wiped when dropped, never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Mnemonic(bip39::Mnemonic);

/// Text or bytes that are not recovery words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// Another number of words than 12 or 24.
    #[error("a recovery phrase has 24 words (or 12), not {0}; check that no word is missing")]
    WordCount(usize),
    /// A word that is not in the list, by position from 1.
    #[error("word {0} is not in the English BIP-39 list; check its spelling")]
    UnknownWord(usize),
    /// The words do not fit together.
    #[error("the words do not fit together (checksum); check spelling and order")]
    Checksum,
    /// Far more text than words have.
    #[error("a recovery phrase has at most 512 bytes; paste the words only")]
    TooLong,
    /// Another length of entropy than 16 or 32 bytes.
    #[error("entropy has 32 bytes (24 words) or 16 bytes (12 words), not {0}")]
    EntropyLength(usize),
}

impl Mnemonic {
    /// The words for `entropy`: 32 bytes give 24 words, 16 bytes give 12.
    ///
    /// # Errors
    /// [`MnemonicError::EntropyLength`] for every other length.
    pub fn from_entropy(entropy: &[u8]) -> Result<Self, MnemonicError> {
        if entropy.len() != ENTROPY_BYTES && entropy.len() != ENTROPY_BYTES_SHORT {
            return Err(MnemonicError::EntropyLength(entropy.len()));
        }
        bip39::Mnemonic::from_entropy(entropy).map(Self).map_err(|_| MnemonicError::EntropyLength(entropy.len()))
    }

    /// Reads words as a person types them: any white space between them, any case.
    ///
    /// # Errors
    /// [`MnemonicError`], one variant per cause.
    pub fn parse(text: &str) -> Result<Self, MnemonicError> {
        if text.len() > PHRASE_BYTES_MAX {
            return Err(MnemonicError::TooLong);
        }
        let count = text.split_whitespace().count();
        if count != 12 && count != 24 {
            return Err(MnemonicError::WordCount(count));
        }
        // One allocation that is large enough from the start, so that no copy of the words is left behind.
        let mut words = Zeroizing::new(String::with_capacity(PHRASE_BYTES_MAX));
        for word in text.split_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
        }
        bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &words).map(Self).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => MnemonicError::UnknownWord(index.saturating_add(1)),
            bip39::Error::BadWordCount(count) => MnemonicError::WordCount(count),
            _ => MnemonicError::Checksum,
        })
    }

    /// The words, separated by single spaces, to show to their owner.
    pub fn phrase(&self) -> Zeroizing<String> {
        let mut phrase = Zeroizing::new(String::with_capacity(PHRASE_BYTES_MAX));
        for word in self.0.words() {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.push_str(word);
        }
        phrase
    }

    /// The entropy, 32 or 16 bytes.
    pub fn entropy(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_entropy())
    }

    /// The seed for [`mod@crate::derive`]; `passphrase` may be empty and is normalised (NFKD).
    pub fn seed(&self, passphrase: &str) -> Zeroizing<[u8; SEED_BYTES]> {
        Zeroizing::new(self.0.to_seed(passphrase))
    }
}

impl fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mnemonic(hidden)")
    }
}
