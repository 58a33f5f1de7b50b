//! What a client sends, it gets back.

use crate::{MAX_CLIENTS, net::Net};
use futures_lite::{AsyncWriteExt, future, io};
use std::sync::Arc;
use waitline_event::Event;
use waitline_sem::Semaphore;

/// Accepts clients until `stop`, then waits until those that are there have gone.
///
/// # Errors
///
/// If the listening socket fails.
pub async fn serve<N: Net>(listener: N::Listener, stop: &Event) -> io::Result<()> {
    let clients = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let next = async {
            let permit = clients.clone().acquire_owned().await;
            Some(N::accept(&listener).await.map(|halves| (permit, halves)))
        };
        let stopped = async {
            stop.wait().await;
            None
        };
        let Some(accepted) = future::or(stopped, next).await else { break };
        let (permit, (reader, mut writer)) = accepted?;
        N::spawn(async move {
            // A connection that breaks is no concern of the server.
            _ = io::copy(reader, &mut writer).await;
            _ = writer.close().await;
            drop(permit);
        });
    }
    drop(listener);
    drop(clients.acquire_many(MAX_CLIENTS).await);
    Ok(())
}
