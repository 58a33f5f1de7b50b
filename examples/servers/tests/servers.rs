//! The servers with a few clients, in one process, on both executors and in simulations.

#[path = "net/simulated.rs"]
mod simulated;

use futures_lite::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt,
    io::{BufReader, Lines},
};
use servers::{
    chat::{self, Limits},
    echo,
    net::{Net, Tokio, Waitline},
};
use simulated::Simulated;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use waitline_event::Event;
use waitline_queue::Queue;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Nobody is too slow, and who is has time to read about it.
const GENEROUS: Limits = Limits { outbox: 1024, grace: Duration::from_secs(600) };

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
    who_does_not_read_is_dropped_with_a_message: 1;
    at_the_end_all_have_heard_the_same: 100;
}

/// A server to stop, and to wait for.
struct Served {
    address: SocketAddr,
    stop: Arc<Event>,
    ended: Arc<Queue<()>>,
}

impl Served {
    async fn end(self) {
        self.stop.set();
        self.ended.get().await.unwrap();
    }
}

async fn serve<N: Net, F>(server: impl FnOnce(N::Listener, Arc<Event>) -> F) -> Served
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = N::listen(ANY).await.unwrap();
    let address = N::address(&listener).unwrap();
    let (stop, ended) = (Arc::new(Event::new()), Arc::new(Queue::bounded(1)));
    let server = server(listener, stop.clone());
    N::spawn({
        let ended = ended.clone();
        async move {
            server.await.unwrap();
            ended.put(()).await.unwrap();
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

async fn what_is_sent_comes_back<N: Net>() {
    let server = serve::<N, _>(|listener, stop| async move { echo::serve::<N>(listener, &stop).await }).await;
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
    let server = serve::<N, _>(|listener, stop| chat::serve::<N>(listener, GENEROUS, stop)).await;
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
    let limits = Limits { outbox: 8, ..GENEROUS };
    let server = serve::<N, _>(|listener, stop| chat::serve::<N>(listener, limits, stop)).await;
    let mut slow = Client::<N>::join(&server, "here").await;
    let mut quick = Client::<N>::join(&server, "here").await;
    // More than the buffers of two sockets may grow to: 48 MB. Never so much at once that the quick one is too slow as well.
    let (line, rounds, in_a_round) = ("x".repeat(chat::LINE as usize - 1), 3_000, 4);
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
    let server = serve::<N, _>(|listener, stop| chat::serve::<N>(listener, GENEROUS, stop)).await;
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

#[cfg(unix)]
#[test]
fn the_program_ends_by_an_interrupt() {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpStream,
        process::{Command, Stdio},
    };
    for on in ["waitline", "tokio"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_servers"));
        program.args(["chat", "--on", on, "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut program = program.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix(servers::load::LISTENING).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"here\nhello\n").unwrap();
        let mut heard = vec![0; chat::WELCOME.len() + b"hello\n".len()];
        client.read_exact(&mut heard).unwrap();
        assert!(heard.ends_with(b"hello\n"));
        let killed = Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(client.read_to_end(&mut heard).unwrap(), 0);
        assert!(program.wait().unwrap().success());
    }
}
