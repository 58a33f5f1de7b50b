//! The work of one worker that blocks: opening, reading and hashing.

use crate::{App, line, walk::Batch};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

/// So much is read at once.
const CHUNK: usize = 128 << 10;

/// So much is hashed before the pool's thread is given back: often enough for progress, and rarely enough to cost nothing.
const BYTES_PER_HOP: u64 = 8 << 20;

/// A worker's batch in progress, and its buffers, which it keeps.
pub(crate) struct Hashing {
    batch: std::vec::IntoIter<PathBuf>,
    current: Option<Current>,
    buffer: Box<[u8]>,
    lines: Vec<u8>,
}

/// The file that is open.
struct Current {
    path: PathBuf,
    file: File,
    hasher: Sha256,
}

/// What one hop has done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: bool,
}

impl Hashing {
    pub(crate) fn new() -> Self {
        Self {
            batch: Vec::new().into_iter(),
            current: None,
            buffer: vec![0; CHUNK].into_boxed_slice(),
            lines: Vec::new(),
        }
    }

    /// Takes the next batch, once the one before is done.
    pub(crate) fn begin(&mut self, batch: Batch) {
        assert!(self.is_done());
        self.batch = batch.into_iter();
    }

    pub(crate) fn is_done(&self) -> bool {
        self.current.is_none() && self.batch.len() == 0
    }

    /// Goes on with the batch for one hop, and prints the lines of the files that are finished.
    pub(crate) fn advance(&mut self, app: &App) -> Counts {
        let mut counts = Counts::default();
        while !app.stop.is_set() && counts.bytes < BYTES_PER_HOP {
            let Some(mut current) = self.current.take().or_else(|| self.open_next(app, &mut counts)) else { break };
            match current.read_on(&mut self.buffer, app, &mut counts) {
                Ok(false) => self.current = Some(current),
                Ok(true) => {
                    let name = current.path.as_os_str().as_encoded_bytes();
                    line::push(&mut self.lines, &current.hasher.finalize().into(), name);
                    counts.files += 1;
                }
                Err(error) => {
                    app.complain_about(&current.path, &error);
                    counts.failed = true;
                }
            }
        }
        if !self.lines.is_empty() {
            app.print(&self.lines);
            self.lines.clear();
        }
        counts
    }

    fn open_next(&mut self, app: &App, counts: &mut Counts) -> Option<Current> {
        for path in self.batch.by_ref() {
            match File::open(&path) {
                Ok(file) => return Some(Current { path, file, hasher: Sha256::new() }),
                Err(error) => {
                    app.complain_about(&path, &error);
                    counts.failed = true;
                }
            }
        }
        None
    }
}

impl Current {
    /// Reads and hashes until the end of the file (true), of the hop or of everything (false).
    fn read_on(&mut self, buffer: &mut [u8], app: &App, counts: &mut Counts) -> io::Result<bool> {
        while counts.bytes < BYTES_PER_HOP && !app.stop.is_set() {
            match self.file.read(buffer) {
                Ok(0) => return Ok(true),
                Ok(read) => {
                    self.hasher.update(&buffer[..read]);
                    counts.bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
