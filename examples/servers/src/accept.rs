//! What both servers do: let clients in, and wait for the last one.

use crate::{MAX_CLIENTS, net::Net};
use futures_lite::future;
use std::{io, sync::Arc};
use waitline_event::Event;
use waitline_sem::{OwnedPermit, Semaphore};

/// Accepts clients until `stop` and gives each to `serve`, with a permit to hold as long as it is there. Then waits until
/// all have gone.
pub(crate) async fn clients<N: Net>(
    listener: N::Listener,
    stop: &Event,
    serve: impl Fn(OwnedPermit, N::Reader, N::Writer),
) -> io::Result<()> {
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
        let (permit, (reader, writer)) = accepted?;
        serve(permit, reader, writer);
    }
    drop(listener);
    drop(clients.acquire_many(MAX_CLIENTS).await);
    Ok(())
}
