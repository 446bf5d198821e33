//! Headers and certificates of every height that has one here, whether its body is kept or was pruned.
//!
//! Rule: a height's header is in its block, or in the column of headers, or in the base, and one atomic batch moves it from the
//! first to the second. Readers look in this order.

use primitives::{Block, CommitCertificate, Header, Height};

use crate::columns::{Column, height_key};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::{Reason, decode, join_block, split_block};

/// A header and the certificate that decided it.
pub type DecidedHeader = (Header, Option<CommitCertificate>);

/// The payload of a kept header.
pub(crate) fn header_value(header: &Header, certificate: Option<&CommitCertificate>) -> Vec<u8> {
    join_block(&certificate.map(primitives::encode).unwrap_or_default(), &primitives::encode(header))
}

/// The parts of a payload made by [`header_value`].
pub(crate) fn read_header(payload: &[u8]) -> Result<DecidedHeader, Reason> {
    let (certificate, header) = split_block(payload)?;
    let certificate = if certificate.is_empty() { None } else { Some(decode(certificate)?) };
    Ok((decode(header)?, certificate))
}

impl Store {
    /// The header of `height` and the certificate that decided it; none above the head, at genesis, below the oldest that is
    /// kept, and where it is quarantined.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn header(&self, height: Height) -> Result<Option<DecidedHeader>, StorageError> {
        let of_block = |payload: &[u8]| {
            let (certificate, block) = split_block(payload)?;
            let certificate = if certificate.is_empty() { None } else { Some(decode(certificate)?) };
            Ok((Block::from_bytes(block).map_err(|error| error.to_string())?.header, certificate))
        };
        self.decided(height, of_block, |found| found)
    }

    /// The certificate that decided `height`; none where [`Store::header`] answers none, and on a `solo` chain.
    ///
    /// # Errors
    /// A failed or damaged read.
    pub fn certificate(&self, height: Height) -> Result<Option<CommitCertificate>, StorageError> {
        let of_block = |payload: &[u8]| {
            let certificate = split_block(payload)?.0;
            if certificate.is_empty() { Ok(None) } else { decode(certificate).map(Some) }
        };
        self.decided(height, of_block, |(_, certificate)| certificate).map(Option::flatten)
    }

    /// Reads the block of a height, or else what is kept of it. In this order: a batch moves a height from the first to the second
    /// while the base is above it already.
    fn decided<T>(
        &self,
        height: Height,
        of_block: impl FnOnce(&[u8]) -> Result<T, Reason>,
        of_header: impl FnOnce(DecidedHeader) -> T,
    ) -> Result<Option<T>, StorageError> {
        self.check_poison()?;
        if height == Height::GENESIS || !self.is_visible(height) || self.is_quarantined(height) {
            return Ok(None);
        }
        let key = height_key(height);
        match self.payload(Column::Blocks, &key)? {
            Some(payload) => of_block(&payload).map(Some).map_err(|reason| self.damaged(Column::Blocks, &key, reason)),
            None if height > self.base_height() => {
                Err(self.damaged(Column::Blocks, &key, "it is missing below the head".to_owned()))
            }
            None => Ok(self.header_below(height)?.map(of_header)),
        }
    }

    /// The header of a height without a body.
    fn header_below(&self, height: Height) -> Result<Option<DecidedHeader>, StorageError> {
        if let Some(found) = self.kept_header(height)? {
            return Ok(Some(found));
        }
        // A base that the store began with is in no column.
        let base = self.base()?.filter(|base| base.header.height == height);
        Ok(base.map(|base| (base.header, base.certificate)))
    }

    /// The header of a height whose body was pruned.
    pub(crate) fn kept_header(&self, height: Height) -> Result<Option<DecidedHeader>, StorageError> {
        let key = height_key(height);
        let Some(payload) = self.payload(Column::Headers, &key)? else { return Ok(None) };
        read_header(&payload).map(Some).map_err(|reason| self.damaged(Column::Headers, &key, reason))
    }
}
