//! What a client sends, it gets back.

use crate::{
    accept::{self, End},
    net::Net,
};
use futures_lite::{AsyncWriteExt, io};
use std::net::SocketAddr;

/// Accepts clients until the stop, then waits until those that are there have gone, or cuts them off at the limit. Returns
/// whom it cut off.
pub async fn serve<N: Net>(listener: N::Listener, end: End) -> Vec<SocketAddr> {
    accept::clients::<N>(listener, &end, |client, reader, mut writer| {
        N::spawn(async move {
            let task = async move {
                // A connection that breaks is no concern of the server.
                _ = io::copy(reader, &mut writer).await;
                _ = writer.close().await;
            };
            client.serve(task).await;
        });
    })
    .await
}
