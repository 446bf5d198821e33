//! Vote extensions are off: whoever sends one is refused.

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::consensus::{VoteExtensionError, VoteExtensionVerdicts};
use replica::application::Fault;

use crate::context::ChainContext;
use crate::types::ValidatorAddress;

pub(crate) fn handle(
    extensions: Vec<(ValidatorAddress, ())>,
    reply: Reply<VoteExtensionVerdicts<ChainContext>>,
) -> Result<(), Fault> {
    let refused = extensions.into_iter().map(|(address, ())| (address, Err(VoteExtensionError::InvalidVoteExtension)));
    let _ = reply.send(refused.collect());
    Ok(())
}
