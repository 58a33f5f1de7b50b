//! A network in memory, for simulations: connections take and give as much at a time as the seed has it.

use futures_lite::io::{AsyncRead, AsyncWrite};
use servers::net::Net;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use waitline_executor::{run, sim, sleep, spawn};
use waitline_queue::Queue;

/// Waitline's executor, with sockets that are not there.
pub(crate) enum Simulated {}

type Backlog = Arc<Queue<(SocketAddr, Reader, Writer)>>;

thread_local! {
    /// The open ports of the simulation that this thread runs.
    static PORTS: RefCell<BTreeMap<u16, Backlog>> = const { RefCell::new(BTreeMap::new()) };
    /// The last client has this port.
    static LAST_CLIENT: Cell<u16> = const { Cell::new(0) };
}

pub(crate) struct Listener {
    port: u16,
    backlog: Backlog,
}

impl Drop for Listener {
    fn drop(&mut self) {
        PORTS.with_borrow_mut(|ports| ports.remove(&self.port));
        self.backlog.close();
    }
}

impl Net for Simulated {
    type Listener = Listener;
    type Reader = Reader;
    type Writer = Writer;

    fn run<T>(_: usize, main: impl Future<Output = T>) -> T {
        run(main)
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(spawn(task));
    }

    async fn sleep(time: Duration) {
        sleep(time).await;
    }

    async fn listen(_: SocketAddr) -> io::Result<Listener> {
        let backlog = Arc::new(Queue::unbounded());
        PORTS.with_borrow_mut(|ports| {
            let port = ports.last_key_value().map_or(1, |(last, _)| last + 1);
            ports.insert(port, backlog.clone());
            Ok(Listener { port, backlog })
        })
    }

    fn address(listener: &Listener) -> io::Result<SocketAddr> {
        Ok(at(listener.port))
    }

    async fn accept(listener: &Listener) -> io::Result<(SocketAddr, Reader, Writer)> {
        Ok(listener.backlog.get().await.expect("the listener is open"))
    }

    async fn connect(address: SocketAddr) -> io::Result<(Reader, Writer)> {
        let backlog = PORTS.with_borrow(|ports| ports.get(&address.port()).cloned());
        let ((server_reader, writer), (reader, server_writer)) = (pipe(), pipe());
        let client = at(LAST_CLIENT.get().wrapping_add(1));
        LAST_CLIENT.set(client.port());
        match backlog.map(|backlog| backlog.try_put((client, server_reader, server_writer))) {
            Some(Ok(())) => Ok((reader, writer)),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), port)
}

/// What a connection holds that nobody reads.
pub(crate) const CAPACITY: usize = 64 << 10;

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// Whether one of its ends is gone.
    ended: bool,
    /// Who waits at either end; only one of them can have to.
    waiting: Option<Waker>,
}

pub(crate) struct Reader(Arc<Mutex<Pipe>>);
pub(crate) struct Writer(Arc<Mutex<Pipe>>);

fn pipe() -> (Reader, Writer) {
    let pipe = Arc::new(Mutex::new(Pipe::default()));
    (Reader(pipe.clone()), Writer(pipe))
}

/// Changes the pipe, and wakes the other end if something has come of it.
fn poll<T>(pipe: &Mutex<Pipe>, cx: &Context<'_>, change: impl FnOnce(&mut Pipe) -> Poll<T>) -> Poll<T> {
    let mut pipe = pipe.lock().unwrap();
    let changed = change(&mut pipe);
    let waiting = if changed.is_ready() { pipe.waiting.take() } else { pipe.waiting.replace(cx.waker().clone()) };
    drop(pipe);
    if changed.is_ready() {
        waiting.into_iter().for_each(Waker::wake);
    }
    changed
}

/// Up to `limit` bytes; how many, is chance.
fn some(limit: usize) -> usize {
    limit.min(1 + sim::rng().below(2 * limit as u64) as usize)
}

impl AsyncRead for Reader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        poll(&self.0, cx, |pipe| {
            let there = out.len().min(pipe.bytes.len());
            if there == 0 {
                return if pipe.ended || out.is_empty() { Poll::Ready(Ok(0)) } else { Poll::Pending };
            }
            let read = some(there);
            out.iter_mut().zip(pipe.bytes.drain(..read)).for_each(|(to, from)| *to = from);
            Poll::Ready(Ok(read))
        })
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll(&self.0, cx, |pipe| {
            if pipe.ended {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = bytes.len().min(CAPACITY - pipe.bytes.len());
            if room == 0 {
                return if bytes.is_empty() { Poll::Ready(Ok(0)) } else { Poll::Pending };
            }
            let written = some(room);
            pipe.bytes.extend(&bytes[..written]);
            Poll::Ready(Ok(written))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        end(&self.0);
        Poll::Ready(Ok(()))
    }
}

fn end(pipe: &Mutex<Pipe>) {
    let mut pipe = pipe.lock().unwrap();
    pipe.ended = true;
    let waiting = pipe.waiting.take();
    drop(pipe);
    waiting.into_iter().for_each(Waker::wake);
}

impl Drop for Reader {
    fn drop(&mut self) {
        end(&self.0);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        end(&self.0);
    }
}
