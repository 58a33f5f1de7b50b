//! The same servers as one writes them on tokio alone: its sockets, its channels, its semaphore. The yardstick for the load
//! test, without the ordered end.

use crate::{
    MAX_CLIENTS,
    accept::Failures,
    chat::{BATCH, LINE, Limits, TOO_SLOW, WELCOME},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::yield_now,
    time::{sleep, timeout},
};

struct Door {
    listener: TcpListener,
    clients: Arc<Semaphore>,
    failures: Failures,
}

impl Door {
    fn new(listener: TcpListener) -> Self {
        Door { listener, clients: Arc::new(Semaphore::new(MAX_CLIENTS)), failures: Failures::default() }
    }

    async fn accept(&mut self) -> (OwnedSemaphorePermit, TcpStream) {
        let permit = self.clients.clone().acquire_owned().await.expect("it is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    _ = stream.set_nodelay(true);
                    break (permit, stream);
                }
                Err(error) => sleep(self.failures.pause(&error)).await,
            }
        }
    }
}

/// Echoes, for ever.
pub async fn echo(listener: TcpListener) {
    let mut door = Door::new(listener);
    loop {
        let (permit, stream) = door.accept().await;
        tokio::spawn(async move {
            let (mut reader, mut writer) = stream.into_split();
            _ = tokio::io::copy(&mut reader, &mut writer).await;
            drop(permit);
        });
    }
}

type Line = Arc<[u8]>;

struct Member {
    id: u64,
    outbox: mpsc::Sender<Line>,
    /// So many bytes are in the outbox and not written.
    bytes: Arc<AtomicUsize>,
    limit: usize,
    /// `true` when it was dropped for being too slow.
    dropped: watch::Sender<bool>,
}

type Rooms = Arc<Mutex<HashMap<Vec<u8>, Vec<Member>>>>;

impl Member {
    /// `false` if the line does not fit.
    fn hear(&self, line: &Line) -> bool {
        let bytes = self.bytes.fetch_add(line.len(), Ordering::Relaxed) + line.len();
        bytes <= self.limit && self.outbox.try_send(line.clone()).is_ok()
    }
}

/// Chats, for ever.
pub async fn chat(listener: TcpListener, limits: Limits) {
    let mut door = Door::new(listener);
    let rooms = Rooms::default();
    for id in 0.. {
        let (permit, stream) = door.accept().await;
        let (reader, writer) = stream.into_split();
        tokio::spawn(session(id, rooms.clone(), reader, writer, limits, permit));
    }
}

async fn session(
    id: u64,
    rooms: Rooms,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    limits: Limits,
    permit: OwnedSemaphorePermit,
) {
    let mut reader = BufReader::new(reader);
    let (mut room, mut line) = (Vec::new(), Vec::new());
    if !read_line(&mut reader, &mut room).await {
        return;
    }
    let (sender, receiver) = mpsc::channel(limits.outbox);
    let (drop_it, mut dropped) = watch::channel(false);
    let bytes = Arc::new(AtomicUsize::new(0));
    let limit = limits.bytes.max(LINE as usize);
    let member = Member { id, outbox: sender, bytes: bytes.clone(), limit, dropped: drop_it };
    member.hear(&WELCOME.into());
    let lock = || rooms.lock().expect("nothing panics with the rooms in hand");
    lock().entry(room.clone()).or_default().push(member);
    tokio::spawn(write_out(receiver, bytes, dropped.clone(), writer, permit, limits.grace));
    let mut at_once = 0;
    loop {
        let said = tokio::select! {
            biased;
            _ = dropped.wait_for(|dropped| *dropped) => false,
            said = read_line(&mut reader, &mut line) => said,
        };
        if !said {
            break;
        }
        let line = Line::from(&*line);
        if let Some(members) = lock().get_mut(&room) {
            members.retain(|member| {
                let fits = member.hear(&line);
                if !fits {
                    _ = member.dropped.send(true);
                }
                fits
            });
        }
        at_once += line.len();
        if at_once >= BATCH {
            at_once = 0;
            yield_now().await;
        }
    }
    let mut rooms = lock();
    if let Some(members) = rooms.get_mut(&room) {
        members.retain(|member| member.id != id);
        if members.is_empty() {
            rooms.remove(&room);
        }
    }
}

async fn read_line(reader: &mut BufReader<OwnedReadHalf>, line: &mut Vec<u8>) -> bool {
    line.clear();
    reader.take(LINE).read_until(b'\n', line).await.is_ok() && line.ends_with(b"\n")
}

async fn write_out(
    mut outbox: mpsc::Receiver<Line>,
    bytes: Arc<AtomicUsize>,
    mut dropped: watch::Receiver<bool>,
    mut writer: OwnedWriteHalf,
    permit: OwnedSemaphorePermit,
    grace: Duration,
) {
    let (mut lines, mut batch) = (Vec::new(), Vec::new());
    'connected: while outbox.recv_many(&mut lines, 256).await > 0 {
        let mut lines = lines.drain(..).peekable();
        while let Some(line) = lines.next() {
            batch.extend_from_slice(&line);
            if lines.peek().is_some_and(|next| batch.len() + next.len() <= BATCH) {
                continue;
            }
            let written = tokio::select! {
                written = writer.write_all(&batch) => written.is_ok(),
                _ = async {
                    _ = dropped.wait_for(|dropped| *dropped).await;
                    sleep(grace).await;
                } => false,
            };
            if !written {
                break 'connected;
            }
            bytes.fetch_sub(batch.len(), Ordering::Relaxed);
            batch.clear();
        }
        if *dropped.borrow() {
            _ = timeout(grace, writer.write_all(TOO_SLOW)).await;
            break;
        }
    }
    drop(permit);
}
