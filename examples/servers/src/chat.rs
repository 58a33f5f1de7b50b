//! Rooms in which each line that somebody says goes to all, themselves included.
//!
//! The first line of a client is the name of its room; the answer is [`WELCOME`]. From then on each line that it sends goes
//! to everybody in the room. Lines of one sender arrive in the order in which it sent them.
//!
//! - **CR1** A member is in its room from the welcome until it leaves or is dropped, and its outbox is closed then, under the
//!   room's mutex: a line is in all outboxes or was said after the leaving.
//! - **CR2** Nobody waits for a slow member. Its outbox is bounded, in lines and in bytes; when that is full it is dropped: what
//!   is queued is thrown away, and it is told so, if it reads that within the grace time.
//! - **CR3** At the end all rooms are closed in one step, by whoever learns of it first: what one member has heard, all have.

use crate::{
    accept::{self, Client, End},
    net::Net,
};
use futures_lite::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, future,
    io::{self, BufReader},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use waitline_event::Event;
use waitline_queue::Queue;
use waitline_sem::Semaphore;

/// What a client gets when it has joined its room.
pub const WELCOME: &[u8] = b"* welcome\n";
/// The last that a client gets which was too slow.
pub const TOO_SLOW: &[u8] = b"* you were too slow, and have been dropped\n";
/// The longest line, in bytes. Who sends a longer one is cut off.
pub const LINE: u64 = 4096;
/// So many bytes are written at once at most. Who says as much without a pause lets the others have a turn.
pub(crate) const BATCH: usize = 16 << 10;

/// What a client is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many lines may wait for it, until it counts as too slow.
    pub outbox: usize,
    /// So many bytes may wait for it. A single line may, however long it is.
    pub bytes: usize,
    /// So long it has time to read that it was dropped.
    pub grace: Duration,
}

type Line = Arc<[u8]>;

/// All rooms. One that is empty is forgotten.
#[derive(Debug)]
struct Hall {
    rooms: Mutex<HashMap<Vec<u8>, Room>>,
    limits: Limits,
}

// A std mutex, for it is never held across an await. Each room could have its own: here one is enough.
type Room = Vec<Arc<Member>>;

#[derive(Debug)]
struct Member {
    outbox: Queue<Line>,
    /// A permit for each byte that may come into the outbox. It is given back when the byte is written.
    bytes: Semaphore,
    /// Set when it was dropped for being too slow.
    dropped: Event,
}

impl Member {
    fn new(limits: Limits) -> Self {
        Member {
            outbox: Queue::bounded(limits.outbox),
            bytes: Semaphore::new(limits.bytes.max(LINE as usize)),
            dropped: Event::new(),
        }
    }

    /// Puts the line into the outbox. `false` if it does not fit.
    fn hear(&self, line: &Line) -> bool {
        let Some(bytes) = self.bytes.try_acquire_many(line.len()) else { return false };
        bytes.forget();
        self.outbox.try_put(line.clone()).is_ok()
    }
}

impl Hall {
    fn rooms(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Room>> {
        self.rooms.lock().expect("nothing panics with the rooms in hand")
    }

    fn join(&self, room: &[u8]) -> Arc<Member> {
        let member = Arc::new(Member::new(self.limits));
        member.hear(&WELCOME.into());
        self.rooms().entry(room.to_vec()).or_default().push(member.clone());
        member
    }

    fn say(&self, room: &[u8], line: &[u8]) {
        let line = Line::from(line);
        if let Some(members) = self.rooms().get_mut(room) {
            members.retain(|member| {
                let fits = member.hear(&line);
                if !fits {
                    member.outbox.close_now();
                    member.dropped.set();
                }
                fits
            });
        }
    }

    /// Ends all rooms (CR3). What is in the outboxes is still written; what is said from now on, nobody hears.
    fn close(&self) {
        for member in self.rooms().drain().flat_map(|(_, members)| members) {
            member.outbox.close();
        }
    }

    /// What is in the outbox is still written.
    fn leave(&self, room: &[u8], member: &Arc<Member>) {
        let mut rooms = self.rooms();
        if let Some(members) = rooms.get_mut(room) {
            members.retain(|other| !Arc::ptr_eq(other, member));
            if members.is_empty() {
                rooms.remove(room);
            }
        }
        member.outbox.close();
    }
}

/// Accepts clients until the stop, then reads nothing more, and waits until all that was said is written. Who has not read it
/// by the limit is cut off. Returns whom it cut off.
///
/// A client that goes on sending meanwhile gets its connection reset, as TCP has it for what nobody reads.
pub async fn serve<N: Net>(listener: N::Listener, limits: Limits, end: End) -> Vec<SocketAddr> {
    let hall = Arc::new(Hall { rooms: Mutex::default(), limits });
    accept::clients::<N>(listener, &end, |client, reader, writer| {
        let (client, hall, stop) = (Arc::new(client), hall.clone(), end.stop.clone());
        N::spawn(async move { client.serve(session::<N>(client.clone(), hall, reader, writer, stop)).await });
    })
    .await
}

/// Reads what a client says. Both it and the task that writes hold the client.
async fn session<N: Net>(client: Arc<Client>, hall: Arc<Hall>, reader: N::Reader, writer: N::Writer, stop: Arc<Event>) {
    let mut reader = BufReader::new(reader);
    let (mut room, mut line) = (Vec::new(), Vec::new());
    if !future::or(stopped(&stop), read_line(&mut reader, &mut room)).await {
        return;
    }
    let member = hall.join(&room);
    let (writing, grace) = (member.clone(), hall.limits.grace);
    N::spawn(async move { client.serve(write_out::<N>(writing, writer, grace)).await });
    // The ends have precedence.
    let ended = || future::or(stopped(&stop), stopped(&member.dropped));
    let mut said = 0;
    while future::or(ended(), read_line(&mut reader, &mut line)).await {
        hall.say(&room, &line);
        said += line.len();
        if said >= BATCH {
            // What comes without a pause must not fill the outboxes before anybody had a turn to write.
            said = 0;
            future::yield_now().await;
        }
    }
    if stop.is_set() {
        hall.close();
    }
    hall.leave(&room, &member);
}

/// Waits for `event`: then nothing more is read.
async fn stopped(event: &Event) -> bool {
    event.wait().await;
    false
}

/// Reads a whole line. `false` at the end, and for a client that has broken off or sends too long a line.
async fn read_line(reader: &mut (impl io::AsyncBufRead + Unpin), line: &mut Vec<u8>) -> bool {
    line.clear();
    reader.take(LINE).read_until(b'\n', line).await.is_ok() && line.ends_with(b"\n")
}

/// Writes what is in the outbox until that is closed and empty, and says goodbye to a member that was dropped.
async fn write_out<N: Net>(member: Arc<Member>, mut writer: N::Writer, grace: Duration) {
    if write_lines::<N>(&member, &mut writer, grace).await && member.dropped.is_set() {
        write::<N>(&member, &mut writer, TOO_SLOW, grace).await;
    }
    _ = writer.close().await;
}

/// Writes in batches what is in the outbox. `false` as [`write`].
async fn write_lines<N: Net>(member: &Member, writer: &mut N::Writer, grace: Duration) -> bool {
    let (mut lines, mut batch) = (Vec::new(), Vec::new());
    while member.outbox.get_many(&mut lines, 256).await > 0 {
        let mut lines = lines.drain(..).peekable();
        while let Some(line) = lines.next() {
            batch.extend_from_slice(&line);
            if lines.peek().is_some_and(|next| batch.len() + next.len() <= BATCH) {
                continue;
            }
            if !write::<N>(member, writer, &batch, grace).await {
                return false;
            }
            member.bytes.release(batch.len());
            batch.clear();
        }
    }
    true
}

/// `false` if the client has gone, or was dropped and has not read in the grace time.
async fn write<N: Net>(member: &Member, writer: &mut N::Writer, bytes: &[u8], grace: Duration) -> bool {
    let written = async { writer.write_all(bytes).await.is_ok() };
    let out_of_time = async {
        member.dropped.wait().await;
        N::sleep(grace).await;
        false
    };
    future::or(written, out_of_time).await
}
