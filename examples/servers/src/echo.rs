//! What a client sends, it gets back.

use crate::{accept, net::Net};
use futures_lite::{AsyncWriteExt, io};
use waitline_event::Event;

/// Accepts clients until `stop`, then waits until those that are there have gone.
///
/// # Errors
///
/// If the listening socket fails.
pub async fn serve<N: Net>(listener: N::Listener, stop: &Event) -> io::Result<()> {
    accept::clients::<N>(listener, stop, |permit, reader, mut writer| {
        N::spawn(async move {
            // A connection that breaks is no concern of the server.
            _ = io::copy(reader, &mut writer).await;
            _ = writer.close().await;
            drop(permit);
        });
    })
    .await
}
