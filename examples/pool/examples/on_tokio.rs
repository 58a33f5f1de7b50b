//! The pool on tokio: 100 requests over 4 connections to a server that takes its time.
//!
//! ```text
//! cargo run -p pool --example on_tokio
//! ```

use pool::{Backend, Pool};
use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::time::sleep;

#[derive(Default)]
struct Server {
    logins: AtomicUsize,
}

impl Backend for Server {
    type Connection = usize;

    async fn open(&self) -> io::Result<usize> {
        sleep(Duration::from_millis(5)).await;
        Ok(self.logins.fetch_add(1, Ordering::Relaxed))
    }

    async fn reset(&self, _: &mut usize) -> bool {
        sleep(Duration::from_micros(100)).await;
        true
    }

    async fn hang_up(&self, connection: usize) {
        println!("goodbye from connection {connection}");
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let pool = Pool::new(Server::default(), 4);
    let maintainer = tokio::spawn({
        let pool = pool.clone();
        async move { pool.maintain().await }
    });
    let requests = (0..100).map(|request| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let connection = pool.get().await?;
            sleep(Duration::from_millis(1)).await;
            Ok::<_, io::Error>((request, *connection))
        })
    });
    let mut used = [0; 4];
    for request in requests.collect::<Vec<_>>() {
        let (_, connection) = request.await??;
        used[connection] += 1;
    }
    println!("requests on each connection: {used:?}");
    assert_eq!(used.iter().sum::<usize>(), 100);
    pool.close().await;
    maintainer.await?;
    Ok(())
}
