//! `servers --help`

use clap::{Parser, Subcommand, ValueEnum};
use servers::{
    chat, echo,
    load::{self, Load},
    net::{Net, Tokio, Waitline},
    twin,
};
use std::{error::Error, fmt, io, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
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
        on: On,
        /// Where to listen; port 0 is any that is free.
        address: SocketAddr,
    },
    /// Rooms of people: the first line of each is the name of the room.
    Chat {
        #[command(flatten)]
        on: On,
        /// So many lines may wait for a client before it counts as too slow.
        #[arg(long, default_value_t = 1024)]
        outbox: usize,
        /// So many seconds a client that was too slow has time to read that it was dropped.
        #[arg(long, default_value_t = 1)]
        grace: u64,
        /// Where to listen; port 0 is any that is free.
        address: SocketAddr,
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
    /// Other code, on tokio alone. It does not end by Ctrl-C in order.
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
            eprintln!("servers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Echo { on, address } => match on.on {
            Executor::Waitline => serve_echo::<Waitline>(on.threads, address)?,
            Executor::Tokio => serve_echo::<Tokio>(on.threads, address)?,
            Executor::Twin => Tokio::run(on.threads, async { twin::echo(listen::<Tokio>(address).await?).await })?,
        },
        Command::Chat { on, outbox, grace, address } => {
            let limits = chat::Limits { outbox, grace: Duration::from_secs(grace) };
            match on.on {
                Executor::Waitline => serve_chat::<Waitline>(on.threads, address, limits)?,
                Executor::Tokio => serve_chat::<Tokio>(on.threads, address, limits)?,
                Executor::Twin => {
                    Tokio::run(on.threads, async { twin::chat(listen::<Tokio>(address).await?, limits).await })?
                }
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

fn stop_by_ctrl_c() -> io::Result<Arc<Event>> {
    let stop = Arc::new(Event::new());
    let handler = {
        let stop = stop.clone();
        move || _ = stop.set()
    };
    ctrlc::set_handler(handler).map_err(io::Error::other)?;
    Ok(stop)
}

fn serve_echo<N: Net>(threads: usize, address: SocketAddr) -> io::Result<()> {
    let stop = stop_by_ctrl_c()?;
    N::run(threads, async { echo::serve::<N>(listen::<N>(address).await?, &stop).await })
}

fn serve_chat<N: Net>(threads: usize, address: SocketAddr, limits: chat::Limits) -> io::Result<()> {
    let stop = stop_by_ctrl_c()?;
    N::run(threads, async { chat::serve::<N>(listen::<N>(address).await?, limits, stop).await })
}
