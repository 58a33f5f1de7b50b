//! The servers with a few clients, in one process, on both executors and in simulations.

#[path = "net/simulated.rs"]
mod simulated;

use futures_lite::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt,
    io::{BufReader, Lines},
};
use servers::{
    End,
    chat::{self, Limits},
    echo,
    net::{Net, Tokio, Waitline},
};
use simulated::Simulated;
use std::{any::TypeId, net::SocketAddr, sync::Arc, time::Duration};
use waitline_event::Event;
use waitline_queue::Queue;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Nobody is too slow, and who is has time to read about it.
const GENEROUS: Limits = Limits { outbox: 1024, bytes: 1 << 20, grace: PATIENCE };

/// Longer than a test takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the test of this name on each executor, with one thread and with two, and in so many simulations.
macro_rules! on_each {
    ($($test:ident: $seeds:literal;)+) => {$(
        mod $test {
            use super::{Net, Simulated, Tokio, Waitline};
            #[test]
            fn on_waitline() {
                (1..=2).for_each(|threads| Waitline::run(threads, super::$test::<Waitline>()));
            }
            #[test]
            fn on_tokio() {
                (1..=2).for_each(|threads| Tokio::run(threads, super::$test::<Tokio>()));
            }
            #[test]
            fn in_simulations() {
                waitline_executor::sim::many(0..$seeds, super::$test::<Simulated>);
            }
        }
    )+};
}
on_each! {
    what_is_sent_comes_back: 500;
    all_in_the_room_hear_each_other_in_order: 100;
    who_does_not_read_is_dropped_with_a_message: 20;
    who_leaves_the_bytes_unread_is_dropped_with_a_message: 20;
    at_the_end_all_have_heard_the_same: 100;
    an_idle_client_of_the_echo_is_cut_off_at_the_end: 100;
    who_does_not_read_is_cut_off_at_the_end: 20;
    who_reads_is_not_cut_off_at_the_end: 100;
}

/// On one thread only: on two, it is the system that decides who has a turn.
#[test]
fn a_burst_that_is_read_drops_nobody() {
    Waitline::run(1, a_burst::<Waitline>());
    Tokio::run(1, a_burst::<Tokio>());
}

/// A server to stop, and to wait for.
struct Served {
    address: SocketAddr,
    stop: Arc<Event>,
    /// How many clients were cut off.
    ended: Arc<Queue<usize>>,
}

impl Served {
    /// When nobody has to be cut off.
    async fn end(self) {
        assert_eq!(self.cut_off().await, 0);
    }

    /// Stops it, and returns how many it cut off.
    async fn cut_off(self) -> usize {
        self.stop.set();
        self.ended.get().await.unwrap()
    }
}

/// A server that gives its clients time to leave.
async fn serve<N: Net, F>(server: impl FnOnce(N::Listener, End) -> F) -> Served
where
    F: Future<Output = Vec<SocketAddr>> + Send + 'static,
{
    serve_and_end_within::<N, F>(PATIENCE, server).await
}

async fn serve_and_end_within<N: Net, F>(limit: Duration, server: impl FnOnce(N::Listener, End) -> F) -> Served
where
    F: Future<Output = Vec<SocketAddr>> + Send + 'static,
{
    let listener = N::listen(ANY).await.unwrap();
    let address = N::address(&listener).unwrap();
    let (stop, ended) = (Arc::new(Event::new()), Arc::new(Queue::bounded(1)));
    let server = server(listener, End { stop: stop.clone(), limit });
    N::spawn({
        let ended = ended.clone();
        async move {
            let cut_off = server.await;
            ended.put(cut_off.len()).await.unwrap();
        }
    });
    Served { address, stop, ended }
}

struct Client<N: Net> {
    lines: Lines<BufReader<N::Reader>>,
    writer: N::Writer,
}

impl<N: Net> Client<N> {
    /// In this room, and welcomed there.
    async fn join(server: &Served, room: &str) -> Self {
        let (reader, writer) = N::connect(server.address).await.unwrap();
        let mut client = Client { lines: BufReader::new(reader).lines(), writer };
        client.say(room).await;
        assert_eq!(client.hear().await.unwrap().as_bytes(), chat::WELCOME.trim_ascii_end());
        client
    }

    async fn say(&mut self, line: &str) {
        self.writer.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// `None` at the end.
    async fn hear(&mut self) -> Option<String> {
        use futures_lite::StreamExt;
        self.lines.next().await?.ok()
    }
}

/// More of the longest lines than the buffers of two sockets may grow to: 48 MB, if there are any.
fn lines_that_fill_a_connection<N: Net>() -> usize {
    let simulated = TypeId::of::<N>() == TypeId::of::<Simulated>();
    if simulated { 4 * simulated::CAPACITY / chat::LINE as usize } else { 12_000 }
}

async fn what_is_sent_comes_back<N: Net>() {
    let server = serve::<N, _>(echo::serve::<N>).await;
    let (mut reader, mut writer) = N::connect(server.address).await.unwrap();
    for message in [&b"hello"[..], b"", &[7; 10_000]] {
        writer.write_all(message).await.unwrap();
        let mut answer = vec![0; message.len()];
        reader.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, message);
    }
    writer.close().await.unwrap();
    assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
    server.end().await;
}

async fn all_in_the_room_hear_each_other_in_order<N: Net>() {
    let server = serve::<N, _>(|listener, end| chat::serve::<N>(listener, GENEROUS, end)).await;
    let mut elsewhere = Client::<N>::join(&server, "elsewhere").await;
    let (mut ada, mut bob) = (Client::<N>::join(&server, "here").await, Client::<N>::join(&server, "here").await);
    for n in 0..50 {
        ada.say(&format!("ada {n}")).await;
        bob.say(&format!("bob {n}")).await;
    }
    for client in [&mut ada, &mut bob] {
        let mut next = [0, 0];
        for _ in 0..100 {
            let line = client.hear().await.unwrap();
            let (name, n) = line.split_once(' ').unwrap();
            let next = &mut next[usize::from(name == "bob")];
            assert_eq!(n.parse(), Ok(*next), "{line}");
            *next += 1;
        }
    }
    elsewhere.say("alone").await;
    assert_eq!(elsewhere.hear().await.as_deref(), Some("alone"));
    drop((ada, bob, elsewhere));
    server.end().await;
}

async fn who_does_not_read_is_dropped_with_a_message<N: Net>() {
    slow_one_is_dropped::<N>(Limits { outbox: 8, ..GENEROUS }).await;
}

async fn who_leaves_the_bytes_unread_is_dropped_with_a_message<N: Net>() {
    slow_one_is_dropped::<N>(Limits { outbox: usize::MAX, bytes: 8 * chat::LINE as usize, ..GENEROUS }).await;
}

async fn slow_one_is_dropped<N: Net>(limits: Limits) {
    let server = serve::<N, _>(|listener, end| chat::serve::<N>(listener, limits, end)).await;
    let mut slow = Client::<N>::join(&server, "here").await;
    let mut quick = Client::<N>::join(&server, "here").await;
    // Never so much at once that the quick one is too slow as well.
    let (line, in_a_round) = ("x".repeat(chat::LINE as usize - 1), 4);
    let rounds = lines_that_fill_a_connection::<N>() / in_a_round;
    let lines = vec![&*line; in_a_round].join("\n");
    for _ in 0..rounds {
        quick.say(&lines).await;
        for _ in 0..in_a_round {
            assert_eq!(quick.hear().await.unwrap().len(), line.len());
        }
    }
    let (mut heard, mut last) = (0, String::new());
    while let Some(line) = slow.hear().await {
        heard += 1;
        last = line;
    }
    assert_eq!(last.as_bytes(), chat::TOO_SLOW.trim_ascii_end());
    assert!(heard < rounds * in_a_round);
    drop((slow, quick));
    server.end().await;
}

async fn at_the_end_all_have_heard_the_same<N: Net>() {
    let server = serve::<N, _>(|listener, end| chat::serve::<N>(listener, GENEROUS, end)).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(Client::<N>::join(&server, "here").await);
    }
    for n in 0..100 {
        for client in &mut all {
            client.say(&n.to_string()).await;
        }
    }
    // Some of it is read by the server before it stops, and some is not.
    assert_eq!(all[0].hear().await.as_deref(), Some("0"));
    server.stop.set();
    let mut heard = Vec::new();
    for client in &mut all {
        let mut lines = Vec::new();
        while let Some(line) = client.hear().await {
            lines.push(line);
        }
        heard.push(lines);
    }
    heard[0].insert(0, "0".to_owned());
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0], heard[2]);
    server.end().await;
}

async fn a_burst<N: Net>() {
    let limits = Limits { bytes: 64 << 10, ..GENEROUS };
    let server = serve::<N, _>(|listener, end| chat::serve::<N>(listener, limits, end)).await;
    let (mut ada, mut bob) = (Client::<N>::join(&server, "here").await, Client::<N>::join(&server, "here").await);
    // Three times what may wait for a client, and less than the buffers of a connection hold.
    let (line, lines) = ("x".repeat(chat::LINE as usize - 1), 48);
    ada.say(&vec![&*line; lines].join("\n")).await;
    for client in [&mut ada, &mut bob] {
        for _ in 0..lines {
            assert_eq!(client.hear().await.unwrap().len(), line.len());
        }
    }
    drop((ada, bob));
    server.end().await;
}

/// The limit of an end that somebody exceeds.
const LIMIT: Duration = Duration::from_secs(1);

async fn an_idle_client_of_the_echo_is_cut_off_at_the_end<N: Net>() {
    let server = serve_and_end_within::<N, _>(LIMIT, echo::serve::<N>).await;
    let (mut reader, mut writer) = N::connect(server.address).await.unwrap();
    writer.write_all(b"?").await.unwrap();
    assert_eq!(reader.read(&mut [0]).await.unwrap(), 1);
    assert_eq!(server.cut_off().await, 1);
    // The end, or that the connection is reset.
    assert_eq!(reader.read(&mut [0]).await.unwrap_or(0), 0);
}

async fn who_does_not_read_is_cut_off_at_the_end<N: Net>() {
    // It is never too slow, so that all that was said waits for it at the end.
    let limits = Limits { outbox: usize::MAX, bytes: 1 << 30, ..GENEROUS };
    let server = serve_and_end_within::<N, _>(LIMIT, |listener, end| chat::serve::<N>(listener, limits, end)).await;
    let mut slow = Client::<N>::join(&server, "here").await;
    let mut quick = Client::<N>::join(&server, "here").await;
    let lines = vec!["x".repeat(chat::LINE as usize - 1); 16].join("\n");
    for _ in 0..lines_that_fill_a_connection::<N>() / 16 {
        quick.say(&lines).await;
        for _ in 0..16 {
            quick.hear().await.unwrap();
        }
    }
    // It has gone before the stop, or nearly.
    quick.writer.close().await.unwrap();
    assert_eq!(quick.hear().await, None);
    assert_eq!(server.cut_off().await, 1);
    while slow.hear().await.is_some() {}
}

async fn who_reads_is_not_cut_off_at_the_end<N: Net>() {
    let server = serve::<N, _>(|listener, end| chat::serve::<N>(listener, GENEROUS, end)).await;
    let mut ada = Client::<N>::join(&server, "here").await;
    ada.say("hello").await;
    assert_eq!(ada.hear().await.as_deref(), Some("hello"));
    server.end().await;
    assert_eq!(ada.hear().await, None);
}

/// In simulated time, the end takes exactly its limit from the stop, even if it comes in the middle of something.
#[test]
fn the_end_takes_its_limit_from_the_stop() {
    waitline_executor::sim::many(0..100, || async {
        let server = serve_and_end_within::<Simulated, _>(LIMIT, echo::serve::<Simulated>).await;
        let connection = Simulated::connect(server.address).await.unwrap();
        // Long after the client came, and long after the server began.
        Simulated::sleep(LIMIT * 10).await;
        let begin = waitline_executor::now();
        assert_eq!(server.cut_off().await, 1);
        assert_eq!(waitline_executor::now() - begin, LIMIT);
        drop(connection);
    });
}
