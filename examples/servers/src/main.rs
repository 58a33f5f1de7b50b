//! `servers --help`

use clap::{Parser, Subcommand, ValueEnum};
use futures_lite::future;
use servers::{
    End, chat, echo,
    load::{self, Load},
    net::{Net, Tokio, Waitline},
    signals, twin,
};
use std::{
    error::Error,
    fmt,
    io::{self, Write},
    net::SocketAddr,
    process::{ExitCode, exit},
    sync::Arc,
    time::Duration,
};
use waitline_event::Event;

/// Echo and chat over TCP, and a load test of both.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send back what comes.
    Echo {
        #[command(flatten)]
        serve: Serve,
    },
    /// Rooms of people: the first line of each is the name of the room.
    Chat {
        #[command(flatten)]
        serve: Serve,
        /// So many lines may wait for a client before it counts as too slow.
        #[arg(long, default_value_t = 1024)]
        outbox: usize,
        /// So many bytes may wait for a client before it counts as too slow.
        #[arg(long, default_value_t = 64 << 10)]
        outbox_bytes: u32,
        /// So many seconds a client that was too slow has time to read that it was dropped.
        #[arg(long, default_value_t = 1)]
        grace: u64,
    },
    /// Start a server, and many clients that check what they get.
    Load {
        /// Which one.
        server: Server,
        #[command(flatten)]
        on: On,
        /// How many clients.
        #[arg(long, default_value_t = 1000)]
        clients: usize,
        /// How long, in seconds, after all have connected.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// So many clients are in a room of the chat.
        #[arg(long, default_value_t = 50)]
        room: usize,
    },
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Serve {
    #[command(flatten)]
    on: On,
    /// So many seconds after Ctrl-C or SIGTERM, who is still there is cut off.
    #[arg(long, default_value_t = 5)]
    end_within: u64,
    /// Where to listen; port 0 is any that is free.
    address: SocketAddr,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct On {
    /// The executor of the server.
    #[arg(long, value_enum, default_value_t = Executor::Waitline)]
    on: Executor,
    /// The threads of the server. (async-net's reactor has one more.)
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Executor {
    /// Waitline's executor, with async-net.
    Waitline,
    /// The same code on tokio.
    Tokio,
    /// Other code, on tokio alone. Ctrl-C ends it at once.
    Twin,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Server {
    Echo,
    Chat,
}

/// As on the command line.
impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Executor::Waitline => "waitline",
            Executor::Tokio => "tokio",
            Executor::Twin => "twin",
        })
    }
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Echo { serve } => match serve.on.on {
            Executor::Waitline => serve.run::<Waitline>(echo::serve::<Waitline>)?,
            Executor::Tokio => serve.run::<Tokio>(echo::serve::<Tokio>)?,
            Executor::Twin => serve.run_twin(twin::echo)?,
        },
        Command::Chat { serve, outbox, outbox_bytes, grace } => {
            let limits = chat::Limits { outbox, bytes: outbox_bytes as usize, grace: Duration::from_secs(grace) };
            match serve.on.on {
                Executor::Waitline => {
                    serve.run::<Waitline>(async |listener, end| chat::serve::<Waitline>(listener, limits, end).await)?
                }
                Executor::Tokio => {
                    serve.run::<Tokio>(async |listener, end| chat::serve::<Tokio>(listener, limits, end).await)?
                }
                Executor::Twin => serve.run_twin(async |listener| twin::chat(listener, limits).await)?,
            }
        }
        Command::Load { server, on, clients, seconds, room } => {
            let On { on, threads } = on;
            let mut arguments = vec![format!("--on={on}"), format!("--threads={threads}"), "127.0.0.1:0".to_owned()];
            let load = match server {
                Server::Echo => {
                    arguments.insert(0, "echo".to_owned());
                    Load::Echo
                }
                Server::Chat => {
                    arguments.insert(0, "chat".to_owned());
                    // A round and the next one may wait for a client that is as fast as the others.
                    arguments.push(format!("--outbox={}", (2 * room).max(1024)));
                    arguments.push(format!("--outbox-bytes={}", (2 * room * load::CHAT_LINE).max(64 << 10)));
                    Load::Chat { room }
                }
            };
            let report = load::run(&arguments, load, clients, seconds)?;
            println!("{load} on {on}, {threads} thread(s): {report}");
            report.check_memory()?;
        }
    }
    Ok(())
}

async fn listen<N: Net>(address: SocketAddr) -> io::Result<N::Listener> {
    let listener = N::listen(address).await?;
    println!("{}{}", load::LISTENING, N::address(&listener)?);
    Ok(listener)
}

/// Tells the people at the terminal.
fn say(message: fmt::Arguments<'_>) {
    // Nobody is left to tell when standard error is gone.
    _ = writeln!(io::stderr(), "servers: {message}");
}

/// An end that begins with the first Ctrl-C or SIGTERM. The second one ends the program.
fn end_by_signals(limit: Duration) -> io::Result<End> {
    let stop = Arc::new(Event::new());
    let handler = {
        let stop = stop.clone();
        move |status| {
            if !stop.set() {
                exit(status);
            }
        }
    };
    signals::on_each(handler)?;
    Ok(End { stop, limit })
}

impl Serve {
    fn run<N: Net>(self, server: impl AsyncFnOnce(N::Listener, End) -> Vec<SocketAddr>) -> io::Result<()> {
        let end = end_by_signals(Duration::from_secs(self.end_within))?;
        let seconds = self.end_within;
        let cut_off = N::run(self.on.threads, async {
            let listener = listen::<N>(self.address).await?;
            let announcement = async {
                end.stop.wait().await;
                say(format_args!("stopping; whoever is there in {seconds} s is cut off, or at once by Ctrl-C"));
            };
            let (cut_off, ()) = future::zip(server(listener, end.clone()), announcement).await;
            io::Result::Ok(cut_off)
        })?;
        if !cut_off.is_empty() {
            let clients = cut_off.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
            say(format_args!("cut off after {seconds} s, {} client(s): {clients}", cut_off.len()));
        }
        Ok(())
    }

    fn run_twin(self, server: impl AsyncFnOnce(tokio::net::TcpListener)) -> io::Result<()> {
        Tokio::run(self.on.threads, async {
            server(listen::<Tokio>(self.address).await?).await;
            Ok(())
        })
    }
}
