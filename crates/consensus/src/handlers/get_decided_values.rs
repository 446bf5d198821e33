//! A peer catches up: serve finalized blocks with their certificates.
//!
//! The range comes from the peer. An answer holds at most [`SYNC_VALUES_MAX`] blocks and, beyond the
//! first, at most [`ANSWER_BYTES_MAX`] bytes; it stops at the first height that is not here.

use std::ops::RangeInclusive;

use arc_malachitebft_app_channel::Reply;
use arc_malachitebft_app_channel::app::types::sync::RawDecidedValue;
use primitives::Height;
use replica::application::Fault;

use crate::certificate;
use crate::codec::SYNC_VALUES_MAX;
use crate::context::ChainContext;
use crate::settings::SYNC_ANSWER_BYTES_MAX as ANSWER_BYTES_MAX;
use crate::state::State;
use crate::types::ChainHeight;

pub(crate) async fn handle(
    state: &State,
    range: RangeInclusive<ChainHeight>,
    reply: Reply<Vec<RawDecidedValue<ChainContext>>>,
) -> Result<(), Fault> {
    let (first, last) = (range.start().0, range.end().0);
    let values = state
        .with_app(move |app| {
            let (mut values, mut bytes, mut height): (Vec<_>, usize, Height) = (Vec::new(), 0, first);
            while height <= last && values.len() < SYNC_VALUES_MAX {
                let Some((block, certificate)) = app.decided(height)? else { break };
                bytes = bytes.saturating_add(block.len());
                if bytes > ANSWER_BYTES_MAX && !values.is_empty() {
                    break;
                }
                values.push(RawDecidedValue::new(block.into(), certificate::to_engine(&certificate)));
                height = height.next();
            }
            Ok(values)
        })
        .await?;
    let _ = reply.send(values);
    Ok(())
}
