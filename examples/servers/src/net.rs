//! What the servers need of an executor and its sockets, and two that have it.

use futures_lite::io::{AsyncRead, AsyncWrite};
use std::{future::Future, io, net::SocketAddr, time::Duration};

/// An executor with sockets.
pub trait Net: Send + Sync + 'static {
    /// A listening socket.
    type Listener: Send + Sync;
    /// One half of a connection.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// The other half. Closing it tells the other side that nothing more will come.
    type Writer: AsyncWrite + Unpin + Send + 'static;

    /// Runs `main` and all that it spawns on so many threads.
    fn run<T>(threads: usize, main: impl Future<Output = T>) -> T;

    /// Spawns a task.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Waits.
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;

    /// Opens a port. Port 0 is any that is free.
    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// The port that was opened.
    fn address(listener: &Self::Listener) -> io::Result<SocketAddr>;

    /// Waits for a client, and says where it is.
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(SocketAddr, Self::Reader, Self::Writer)>> + Send;

    /// Connects to a server.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;
}

/// Waitline's executor, with the sockets of async-net. Their reactor has a thread of its own.
#[derive(Debug)]
pub enum Waitline {}

impl Net for Waitline {
    type Listener = async_net::TcpListener;
    type Reader = async_net::TcpStream;
    type Writer = async_net::TcpStream;

    fn run<T>(threads: usize, main: impl Future<Output = T>) -> T {
        match threads {
            0 | 1 => waitline_executor::run(main),
            threads => waitline_executor::Executor::builder().threads(threads).build().run(main),
        }
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(waitline_executor::spawn(task));
    }

    async fn sleep(time: Duration) {
        waitline_executor::sleep(time).await;
    }

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        async_net::TcpListener::bind(address).await
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<(SocketAddr, Self::Reader, Self::Writer)> {
        let (stream, address) = listener.accept().await?;
        // It may fail for a client that has gone: that is found out soon enough.
        _ = stream.set_nodelay(true);
        Ok((address, stream.clone(), stream))
    }

    async fn connect(address: SocketAddr) -> io::Result<(Self::Reader, Self::Writer)> {
        let stream = async_net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok((stream.clone(), stream))
    }
}

/// tokio, its sockets behind the compatibility layer of tokio-util.
#[derive(Debug)]
pub enum Tokio {}

mod tokio_half {
    use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
    use tokio_util::compat::Compat;

    pub(super) type Reader = Compat<OwnedReadHalf>;
    pub(super) type Writer = Compat<OwnedWriteHalf>;
}

impl Tokio {
    fn split(stream: tokio::net::TcpStream) -> (tokio_half::Reader, tokio_half::Writer) {
        use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};
        let (reader, writer) = stream.into_split();
        (reader.compat(), writer.compat_write())
    }
}

impl Net for Tokio {
    type Listener = tokio::net::TcpListener;
    type Reader = tokio_half::Reader;
    type Writer = tokio_half::Writer;

    fn run<T>(threads: usize, main: impl Future<Output = T>) -> T {
        use tokio::runtime::Builder;
        let mut builder = match threads {
            0 | 1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(threads.max(1)).enable_all().build();
        runtime.expect("the system has a poller").block_on(main)
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }

    async fn sleep(time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        tokio::net::TcpListener::bind(address).await
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<(SocketAddr, Self::Reader, Self::Writer)> {
        let (stream, address) = listener.accept().await?;
        // It may fail for a client that has gone: that is found out soon enough.
        _ = stream.set_nodelay(true);
        let (reader, writer) = Self::split(stream);
        Ok((address, reader, writer))
    }

    async fn connect(address: SocketAddr) -> io::Result<(Self::Reader, Self::Writer)> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::split(stream))
    }
}
