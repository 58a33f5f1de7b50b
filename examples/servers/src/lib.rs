//! An echo server and a chat server, written once ([`echo`], [`chat`]) against a small trait ([`net::Net`]), so that they run
//! on Waitline's executor with async-net, and on tokio. The [`twin`]s are what one writes on tokio alone. [`load`] puts all
//! of them under load, and checks that nothing is lost or reordered.
//!
//! ```text
//! cargo run --release -p servers -- chat 127.0.0.1:7000          # then, elsewhere, twice: nc 127.0.0.1 7000
//! cargo run --release -p servers -- chat --on tokio 127.0.0.1:7000
//! cargo run --release -p servers -- load echo --on waitline --clients 1000 --seconds 10
//! cargo run --release -p servers -- load chat --on twin --clients 1000 --seconds 10 --room 50
//! ```
//!
//! What the primitives do here:
//!
//! - A `Semaphore` limits the clients: who is one too many waits in the backlog of the socket. At the end, all its
//!   permits together mean that everybody has gone.
//! - Each client of the chat has a bounded `Queue` of lines, which its sender empties in batches. A line is put into all
//!   queues of its room without waiting; whose queue is full is too slow, and is dropped with a message.
//! - Another `Semaphore` counts the bytes in that queue: a client that does not read costs about 0.1 MB, however long the lines.
//! - An `Event` stops the server: nobody new is accepted, no more lines are read, what is queued is still written. Who is
//!   not served by the limit, five seconds from the stop if nothing else is said, is cut off, and the server says whom.
//!
//! Ctrl-C and SIGTERM stop a server alike; the second of them ends it at once. (The twins end at the first.) When no file
//! can be opened any more, `accept` pauses until it can: nobody is cut off, and newcomers wait in the backlog.
#![forbid(unsafe_code)]

mod accept;
pub mod chat;
pub mod echo;
pub mod load;
pub mod net;
pub mod signals;
pub mod twin;

pub use accept::End;

/// So many clients are served at a time.
pub const MAX_CLIENTS: usize = 10_000;
