//! The load test: a server in a process of its own, and many clients in this one, which check all that they get.
//!
//! - Echo: each client sends 64 bytes and waits until it has them back, over and over.
//! - Chat: each client says one line, and the next one when it has got everybody's of this round. So nobody is more than two
//!   rounds behind, and whoever is dropped as too slow, loses a line or gets two in the wrong order shows a fault of the
//!   server.
//!
//! The clients are on tokio's threads, whatever the server runs on: the load is the same for all.

use std::{
    error::Error,
    fmt, fs,
    io::{self, BufRead},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Barrier,
    task::JoinSet,
    time::sleep,
};

/// The first line of a server begins with this, followed by its address.
pub const LISTENING: &str = "listening on ";

/// No line of the chat's load is longer than this.
pub const CHAT_LINE: usize = 64;

/// What the clients do.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// Echo.
    Echo,
    /// Chat.
    Chat {
        /// So many clients are in a room.
        room: usize,
    },
}

/// What came out. Its `Display` is a line for people.
#[derive(Debug)]
pub struct Report {
    clients: usize,
    /// Echoes, or lines delivered.
    answers: u64,
    time: Duration,
    /// KiB in memory of the server, a tenth into the run and at its end; `None` where the system does not tell.
    memory: [Option<u64>; 2],
}

impl Report {
    /// An error if the server's memory has grown by more than a quarter and 4 MiB since the first tenth of the run.
    ///
    /// # Errors
    ///
    /// See above.
    pub fn check_memory(&self) -> Result<(), String> {
        match self.memory {
            [Some(begin), Some(end)] if end > begin + begin / 4 + 4096 => {
                Err(format!("memory has grown from {begin} to {end} KiB"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.answers as f64 / self.time.as_secs_f64();
        write!(f, "{} clients, {:.1} s, ", self.clients, self.time.as_secs_f64())?;
        write!(f, "{} answers, {rate:.0}/s, none lost or out of order; ", self.answers)?;
        match self.memory {
            [Some(begin), Some(end)] => write!(f, "server memory {begin} KiB, then {end} KiB"),
            _ => f.write_str("server memory unknown"),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Echo => f.write_str("echo"),
            Load::Chat { room } => write!(f, "chat in rooms of {room}"),
        }
    }
}

/// This program as a server, ended when it is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(arguments: &[String]) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        io::BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line)?;
        let address = line.trim().strip_prefix(LISTENING).and_then(|address| address.parse().ok());
        match address {
            Some(address) => Ok(Server { process, address }),
            None => Err(io::Error::other(format!("the server said {line:?}"))),
        }
    }

    /// In KiB, on Linux.
    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Starts this program as a server with these arguments, and puts it under load.
///
/// # Errors
///
/// If the server does not start, or a client gets something else than it should.
pub fn run(arguments: &[String], load: Load, clients: usize, seconds: u64) -> Result<Report, Box<dyn Error>> {
    if let Load::Chat { room } = load
        && (room == 0 || !clients.is_multiple_of(room))
    {
        return Err(format!("{clients} clients do not fill rooms of {room}").into());
    }
    let server = Server::start(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let start = Arc::new(Barrier::new(clients + 1));
        let time = Duration::from_secs(seconds);
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            // One after the other: the backlog of a socket is short.
            let stream = TcpStream::connect(server.address).await?;
            stream.set_nodelay(true)?;
            match load {
                Load::Echo => tasks.spawn(echo(stream, number, start.clone(), time)),
                Load::Chat { room } => tasks.spawn(chat(stream, number, room, start.clone(), time)),
            };
        }
        start.wait().await;
        let begin = Instant::now();
        sleep(time / 10).await;
        let early = server.memory();
        let mut answers = 0;
        while let Some(client) = tasks.join_next().await {
            answers += client??;
        }
        Ok(Report { clients, answers, time: begin.elapsed(), memory: [early, server.memory()] })
    })
}

/// Returns the number of echoes.
async fn echo(mut stream: TcpStream, number: usize, start: Arc<Barrier>, time: Duration) -> io::Result<u64> {
    start.wait().await;
    let (end, mut echoes, mut answer) = (Instant::now() + time, 0, [0; 64]);
    while Instant::now() < end {
        let message = format!("client {number:>20}, message {echoes:>25}\n");
        stream.write_all(message.as_bytes()).await?;
        stream.read_exact(&mut answer[..message.len()]).await?;
        if &answer[..message.len()] != message.as_bytes() {
            return Err(io::Error::other(format!("client {number} got something else than message {echoes}")));
        }
        echoes += 1;
    }
    Ok(echoes)
}

/// Returns the number of lines that it got.
async fn chat(
    mut stream: TcpStream,
    number: usize,
    room: usize,
    start: Arc<Barrier>,
    time: Duration,
) -> io::Result<u64> {
    stream.write_all(format!("room {}\n", number / room).as_bytes()).await?;
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    if line.as_bytes() != crate::chat::WELCOME {
        return Err(io::Error::other(format!("the server said {line:?} instead of a welcome")));
    }
    start.wait().await;
    let (end, me) = (Instant::now() + time, number % room);
    // The next round of each member.
    let mut next = vec![0_u64; room];
    let mut last = None;
    for round in 0.. {
        // The first one of the room says which round is the last.
        let says_last = me == 0 && Instant::now() >= end;
        writer.write_all(format!("{me} {round} {says_last}\n").as_bytes()).await?;
        let mut missing = next.iter().filter(|next| **next <= round).count();
        while missing > 0 {
            line.clear();
            reader.read_line(&mut line).await?;
            let mut words = line.split_whitespace();
            let sender = words.next().and_then(|word| word.parse::<usize>().ok());
            let its_round = words.next().and_then(|word| word.parse::<u64>().ok());
            let (Some(sender), Some(its_round)) = (sender, its_round) else {
                return Err(io::Error::other(format!("client {number} got {line:?}")));
            };
            if next[sender] != its_round {
                let wanted = next[sender];
                let fault = format!("client {number} got {its_round} of {sender} instead of {wanted}");
                return Err(io::Error::other(fault));
            }
            next[sender] += 1;
            missing -= usize::from(its_round == round);
            if words.next() == Some("true") {
                last = Some(its_round);
            }
        }
        if last == Some(round) {
            break;
        }
    }
    Ok(next.iter().sum())
}
