//! The same servers as one writes them on tokio alone: its sockets, its channels, its semaphore. The yardstick for the load
//! test, without the ordered end.

use crate::{
    MAX_CLIENTS,
    chat::{LINE, Limits, TOO_SLOW, WELCOME},
};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::timeout,
};

async fn accept(listener: &TcpListener, clients: &Arc<Semaphore>) -> io::Result<(OwnedSemaphorePermit, TcpStream)> {
    let permit = clients.clone().acquire_owned().await.expect("it is never closed");
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((permit, stream))
}

/// Echoes, for ever.
///
/// # Errors
///
/// If the listening socket fails.
pub async fn echo(listener: TcpListener) -> io::Result<()> {
    let clients = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let (permit, stream) = accept(&listener, &clients).await?;
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
    /// `true` when it was dropped for being too slow.
    dropped: watch::Sender<bool>,
}

type Rooms = Arc<Mutex<HashMap<Vec<u8>, Vec<Member>>>>;

/// Chats, for ever.
///
/// # Errors
///
/// If the listening socket fails.
pub async fn chat(listener: TcpListener, limits: Limits) -> io::Result<()> {
    let clients = Arc::new(Semaphore::new(MAX_CLIENTS));
    let rooms = Rooms::default();
    for id in 0.. {
        let (permit, stream) = accept(&listener, &clients).await?;
        let (reader, writer) = stream.into_split();
        tokio::spawn(session(id, rooms.clone(), reader, writer, limits, permit));
    }
    Ok(())
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
    _ = sender.try_send(WELCOME.into());
    let lock = || rooms.lock().expect("nothing panics with the rooms in hand");
    lock().entry(room.clone()).or_default().push(Member { id, outbox: sender, dropped: drop_it });
    tokio::spawn(write_out(receiver, dropped.clone(), writer, permit, limits.grace));
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
                let has_room = member.outbox.try_send(line.clone()).is_ok();
                if !has_room {
                    _ = member.dropped.send(true);
                }
                has_room
            });
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
    mut dropped: watch::Receiver<bool>,
    mut writer: OwnedWriteHalf,
    permit: OwnedSemaphorePermit,
    grace: Duration,
) {
    let (mut lines, mut bytes) = (Vec::new(), Vec::new());
    while outbox.recv_many(&mut lines, 256).await > 0 {
        bytes.clear();
        lines.drain(..).for_each(|line| bytes.extend_from_slice(&line));
        let written = tokio::select! {
            written = writer.write_all(&bytes) => written.is_ok(),
            _ = async {
                _ = dropped.wait_for(|dropped| *dropped).await;
                tokio::time::sleep(grace).await;
            } => false,
        };
        if !written {
            break;
        }
        if *dropped.borrow() {
            _ = timeout(grace, writer.write_all(TOO_SLOW)).await;
            break;
        }
    }
    drop(permit);
}
