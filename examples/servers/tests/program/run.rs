//! The program in a process of its own, and clients with std's sockets. Whatever takes minutes is a fault.

use servers::{chat::LINE, load::LISTENING};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const WATCHDOG: Duration = Duration::from_secs(120);

/// A server, killed when it is dropped.
pub(crate) struct Program {
    process: Child,
    address: SocketAddr,
    /// Lines from standard error.
    errors: mpsc::Receiver<String>,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(":", arguments)
    }

    /// Started by a shell, after this command.
    pub(crate) fn start_with(before: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{before}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_servers")]);
        command.args(arguments).arg("127.0.0.1:0");
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix(LISTENING).unwrap().parse().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, errors) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Program { process, address, errors }
    }

    pub(crate) fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits until it says a line with this in it, on standard error.
    pub(crate) fn says(&self, part: &str) {
        loop {
            let line = self.errors.recv_timeout(WATCHDOG).unwrap_or_else(|_| panic!("it does not say {part:?}"));
            if line.contains(part) {
                break;
            }
        }
    }

    /// What it has said on standard error since then, when it has ended.
    pub(crate) fn rest_of_errors(&self) -> String {
        self.errors.iter().map(|line| line + "\n").collect()
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < WATCHDOG, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The most that it has had in memory, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn of(program: &Program) -> Self {
        let stream = TcpStream::connect(program.address).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        Client { stream }
    }

    /// As the server sees it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    #[track_caller]
    pub(crate) fn hears(&mut self, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        self.stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, bytes);
    }

    /// The end of the connection, or that it is reset.
    #[track_caller]
    pub(crate) fn hears_the_end(&mut self) {
        match self.stream.read(&mut [0]) {
            Ok(read) => assert_eq!(read, 0),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }

    /// Says more than the connection of another member holds and its outbox takes, and hears it all: 32 MB.
    pub(crate) fn talks(&mut self) {
        for _ in 0..2048 {
            self.say(&four_lines());
            self.hears(&four_lines());
        }
    }

    /// Says up to 128 MB and reads nothing.
    #[cfg(target_os = "linux")]
    pub(crate) fn talks_until_it_is_dropped(&mut self) {
        let lines = four_lines();
        _ = (0..8192).try_for_each(|_| self.stream.write_all(&lines));
    }
}

/// As long as a line may be.
fn four_lines() -> Vec<u8> {
    [vec![b'x'; LINE as usize - 1], vec![b'\n']].concat().repeat(4)
}
