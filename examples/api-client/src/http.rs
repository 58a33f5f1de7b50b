//! Just enough HTTP for the example, with blocking sockets: a request, and a service that counts.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Asks the service for `path` and waits for the answer.
///
/// # Errors
///
/// If the connection fails, or the answer is none.
pub fn get(service: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(service)?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.starts_with("HTTP/1.0 200") { Ok(body.to_owned()) } else { Err(io::Error::other(head.to_owned())) }
}

/// [`get`] from this service, for a [`Client`](crate::Client).
pub fn at(service: SocketAddr) -> impl Fn(&str) -> io::Result<String> + Send + Sync + 'static {
    move |path| get(service, path)
}

/// What a service has seen.
#[derive(Debug, Default)]
pub struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    total: AtomicUsize,
}

impl Seen {
    /// The most requests that ran at a time.
    pub fn most_at_a_time(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// All requests.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::SeqCst)
    }
}

/// Starts a service on a free port of this machine, a thread for each request. It answers with the path, after `time`; what
/// begins with `/slow` takes a hundred times as long when it is asked for the first time.
///
/// # Errors
///
/// If there is no free port.
pub fn serve(time: Duration) -> io::Result<(SocketAddr, Arc<Seen>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let seen = Arc::new(Seen::default());
    let asked_slow = Arc::new(AtomicUsize::new(0));
    let returned = seen.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Too few open files, most likely. Those come back when others have got their answers.
            let Ok(stream) = stream else {
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let (seen, asked_slow) = (seen.clone(), asked_slow.clone());
            // Without a thread for it, the connection is closed.
            _ = thread::Builder::new().spawn(move || answer(stream, time, &seen, &asked_slow));
        }
    });
    Ok((address, returned))
}

fn answer(mut stream: TcpStream, time: Duration, seen: &Seen, asked_slow: &AtomicUsize) -> io::Result<()> {
    let mut request = String::new();
    BufReader::new(&stream).read_line(&mut request)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    seen.total.fetch_add(1, Ordering::SeqCst);
    seen.most.fetch_max(seen.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    let is_slow = path.starts_with("/slow") && asked_slow.fetch_add(1, Ordering::SeqCst) == 0;
    thread::sleep(if is_slow { 100 * time } else { time });
    // Before the answer: the client may send its next request on its receipt.
    seen.now.fetch_sub(1, Ordering::SeqCst);
    write!(stream, "HTTP/1.0 200 OK\r\n\r\nanswer to {path}")
}
