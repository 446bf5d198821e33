//! An offer goes out again while its round stands still. Implements CON-20.
//!
//! The engine sends the votes of a round that stands still again, and nothing else. So an offer that was lost, or was made
//! just before a power cut, cost its whole round, whatever came back meanwhile: the others waited for it until their
//! time was up, and then voted nil.
//!
//! ```text
//! round begins     timeout_vote_ms        2 ·                  3 ·
//! ├────────────────┼──────────────────────┼────────────────────┼─────── nothing further
//! │ offer          │ again                │ again              │ again        a small block
//! │ offer          │ the signed offer     │ again              │ the signed offer    above [`SMALL_BYTES_MAX`]
//! ```
//! Rules
//! - Only the proposer does it, only with what it has signed and sent before: nothing is signed here.
//! - At most [`AGAIN_MAX`] times in a round. By then the others have voted without it.
//! - A large block goes out once more only: where it did not come through in time, the lines are full, and three more copies
//!   of it would not help.

use arc_malachitebft_app_channel::app::types::core::SignedMessage;
use bytes::Bytes;
use primitives::{Hash, Height, Round};
use replica::application::Fault;

use crate::context::ChainContext;
use crate::offers;
use crate::state::State;
use crate::types::ProposalMessage;

/// Most times that an offer goes out again in its round.
pub const AGAIN_MAX: u32 = 3;
/// The time at which also a large block goes out again.
const LARGE_AT: u32 = 2;
/// Largest block that goes out again every time, bytes.
pub const SMALL_BYTES_MAX: usize = 512 * 1024;
/// Signed offers that may wait for the network; one round has one.
pub(crate) const SIGNED_OFFERS_MAX: usize = 4;

/// An offer as the engine's network takes it.
pub(crate) type SignedOffer = SignedMessage<ChainContext, ProposalMessage>;

/// How often the offer of a round went out again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Repeats {
    place: Option<(Height, Round)>,
    count: u32,
}

impl Repeats {
    /// The number of this time in a round, from 1; `None` when it was often enough.
    fn next(&mut self, height: Height, round: Round) -> Option<u32> {
        if self.place != Some((height, round)) {
            *self = Self { place: Some((height, round)), count: 0 };
        }
        self.count = self.count.saturating_add(1);
        (self.count <= AGAIN_MAX).then_some(self.count)
    }
}

/// Sends the offer of the running round again, if it is ours and the height is not decided. Called each time that the round
/// has stood still for `timeout_vote_ms`.
pub(crate) async fn send(state: &mut State) -> Result<(), Fault> {
    let status = *state.status.borrow();
    let (Some(own), Some(round)) = (state.own_address(), status.round) else { return Ok(()) };
    let height = status.height;
    if height != state.finalized.next() {
        return Ok(());
    }
    let offers = state.offers.range((height, round, Hash([0; 32]))..=(height, round, Hash([0xff; 32])));
    let mine = offers.map(|(_, offer)| offer.init).find(|init| init.proposal.proposer == own);
    let Some(init) = mine else { return Ok(()) };
    let Some(count) = state.repeats.next(height, round) else { return Ok(()) };
    tracing::debug!(%height, %round, block = %init.proposal.value, count, "the round stands still: the offer goes out again");
    // A full queue means that the last one is still on its way.
    let _ = state.signed_offers.try_send(SignedMessage::new(ProposalMessage::from(init.proposal), init.signature));
    if count != LARGE_AT && usize::try_from(init.bytes).is_ok_and(|bytes| bytes > SMALL_BYTES_MAX) {
        return Ok(());
    }
    if let Some(block) = block(state, init.proposal.value).await? {
        offers::stream(state, init, block).await;
    }
    Ok(())
}

/// The bytes of a block that was offered.
pub(crate) async fn block(state: &State, value: Hash) -> Result<Option<Bytes>, Fault> {
    match state.blocks.get(&value) {
        Some(block) => Ok(Some(block)),
        None => {
            state.with_app(move |app| Ok(app.candidate(&value).map(|found| Bytes::copy_from_slice(&found.bytes)))).await
        }
    }
}
