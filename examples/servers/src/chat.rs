//! Rooms in which each line that somebody says goes to all, themselves included.
//!
//! The first line of a client is the name of its room; the answer is [`WELCOME`]. From then on each line that it sends goes
//! to everybody in the room. Lines of one sender arrive in the order in which it sent them.
//!
//! - **C1** A member is in its room from the welcome until it leaves or is dropped, and its outbox is closed then, under the
//!   room's mutex: a line is in all outboxes or was said after the leaving.
//! - **C2** Nobody waits for a slow member. Its outbox is bounded; when that is full it is dropped: what is queued is thrown
//!   away, and it is told so, if it reads that within the grace time.
//! - **C3** At the end all rooms are closed in one step, by whoever learns of it first: what one member has heard, all have.

use crate::{accept, net::Net};
use futures_lite::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, future,
    io::{self, BufReader},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use waitline_event::Event;
use waitline_queue::Queue;
use waitline_sem::OwnedPermit;

/// What a client gets when it has joined its room.
pub const WELCOME: &[u8] = b"* welcome\n";
/// The last that a client gets which was too slow.
pub const TOO_SLOW: &[u8] = b"* you were too slow, and have been dropped\n";
/// The longest line, in bytes. Who sends a longer one is cut off.
pub const LINE: u64 = 4096;
/// What a client is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many lines may wait for it, until it counts as too slow.
    pub outbox: usize,
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
    /// Set when it was dropped for being too slow.
    dropped: Event,
}

impl Hall {
    fn rooms(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Room>> {
        self.rooms.lock().expect("nothing panics with the rooms in hand")
    }

    fn join(&self, room: &[u8]) -> Arc<Member> {
        let member = Arc::new(Member { outbox: Queue::bounded(self.limits.outbox), dropped: Event::new() });
        _ = member.outbox.try_put(WELCOME.into());
        self.rooms().entry(room.to_vec()).or_default().push(member.clone());
        member
    }

    fn say(&self, room: &[u8], line: &[u8]) {
        let line = Line::from(line);
        if let Some(members) = self.rooms().get_mut(room) {
            members.retain(|member| {
                let has_room = member.outbox.try_put(line.clone()).is_ok();
                if !has_room {
                    member.outbox.close_now();
                    member.dropped.set();
                }
                has_room
            });
        }
    }

    /// Ends all rooms (C3). What is in the outboxes is still written; what is said from now on, nobody hears.
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

/// Accepts clients until `stop`, then reads nothing more, and waits until all that was said is written.
///
/// A client that goes on sending meanwhile gets its connection reset, as TCP has it for what nobody reads.
///
/// # Errors
///
/// If the listening socket fails.
pub async fn serve<N: Net>(listener: N::Listener, limits: Limits, stop: Arc<Event>) -> io::Result<()> {
    let hall = Arc::new(Hall { rooms: Mutex::default(), limits });
    accept::clients::<N>(listener, &stop, |permit, reader, writer| {
        N::spawn(session::<N>(hall.clone(), reader, writer, permit, stop.clone()));
    })
    .await
}

/// Reads what a client says. Both it and the task that writes hold the permit.
async fn session<N: Net>(hall: Arc<Hall>, reader: N::Reader, writer: N::Writer, permit: OwnedPermit, stop: Arc<Event>) {
    let mut reader = BufReader::new(reader);
    let (mut room, mut line) = (Vec::new(), Vec::new());
    if !future::or(stopped(&stop), read_line(&mut reader, &mut room)).await {
        return;
    }
    let member = hall.join(&room);
    let permit = Arc::new(permit);
    N::spawn(write_out::<N>(member.clone(), writer, permit.clone(), hall.limits.grace));
    // The ends have precedence.
    let ended = || future::or(stopped(&stop), stopped(&member.dropped));
    while future::or(ended(), read_line(&mut reader, &mut line)).await {
        hall.say(&room, &line);
    }
    if stop.is_set() {
        hall.close();
    }
    hall.leave(&room, &member);
    drop(permit);
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

/// Writes what is in the outbox, in batches, until that is closed and empty.
async fn write_out<N: Net>(member: Arc<Member>, mut writer: N::Writer, permit: Arc<OwnedPermit>, grace: Duration) {
    let (mut lines, mut bytes) = (Vec::new(), Vec::new());
    let mut alive = true;
    while alive && member.outbox.get_many(&mut lines, 256).await > 0 {
        bytes.clear();
        lines.drain(..).for_each(|line| bytes.extend_from_slice(&line));
        alive = write::<N>(&member, &mut writer, &bytes, grace).await;
    }
    if alive && member.dropped.is_set() {
        write::<N>(&member, &mut writer, TOO_SLOW, grace).await;
    }
    _ = writer.close().await;
    drop(permit);
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
