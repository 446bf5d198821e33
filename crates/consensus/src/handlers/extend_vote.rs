//! Vote extensions are off: a vote gets none.

use arc_malachitebft_app_channel::Reply;
use replica::application::Fault;

pub(crate) fn handle(reply: Reply<Option<()>>) -> Result<(), Fault> {
    let _ = reply.send(None);
    Ok(())
}
