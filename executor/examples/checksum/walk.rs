//! Finding the files.

use crate::App;
use std::{
    fs::{self, FileType},
    io, mem,
    ops::ControlFlow,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// Files for one worker, to hash in one hop to the blocking pool if they are small.
pub(crate) type Batch = Vec<PathBuf>;

/// A batch is full with so many files,
const FILES_PER_BATCH: usize = 32;

/// or with so many bytes: a large file goes to a worker of its own.
const BYTES_PER_BATCH: u64 = 1 << 20;

/// Puts all files below `paths` into the queue, waiting whenever it is full, and closes it.
///
/// As with `find -type f`: symbolic links below the paths are neither followed nor listed. Paths themselves are followed.
pub(crate) fn walk(app: &App, paths: &[PathBuf]) {
    let mut batcher = Batcher { app, batch: Batch::new(), bytes: 0 };
    // It breaks off when the queue was closed, and then there is nothing more to do.
    _ = paths.iter().try_for_each(|path| batcher.walk(path)).is_continue() && batcher.flush().is_continue();
    app.batches.close();
}

struct Batcher<'a> {
    app: &'a App,
    batch: Batch,
    bytes: u64,
}

impl Batcher<'_> {
    fn walk(&mut self, root: &Path) -> ControlFlow<()> {
        let metadata = match fs::metadata(root) {
            Ok(metadata) => metadata,
            Err(error) => {
                let mut totals = self.app.totals.lock_blocking();
                if error.kind() == io::ErrorKind::NotFound {
                    totals.missing = true;
                } else {
                    totals.failed = true;
                }
                drop(totals);
                self.app.complain_about(root, &error);
                return ControlFlow::Continue(());
            }
        };
        if metadata.is_file() {
            return self.push(root.to_owned(), metadata.len());
        }
        if !metadata.is_dir() {
            self.fail(root, "neither a file nor a folder");
            return ControlFlow::Continue(());
        }
        for entry in WalkDir::new(root).min_depth(1) {
            if self.app.stop.is_set() {
                return ControlFlow::Break(());
            }
            match entry {
                Ok(entry) if FileType::is_file(&entry.file_type()) => {
                    // If it has gone meanwhile, the worker that opens it says so.
                    let size = entry.metadata().map_or(0, |metadata| metadata.len());
                    self.push(entry.into_path(), size)?;
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    match error.into_io_error() {
                        Some(error) => self.fail(&path, &error.to_string()),
                        None => self.fail(&path, "a loop of links"),
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn fail(&self, path: &Path, error: &str) {
        self.app.complain_about(path, &error);
        self.app.totals.lock_blocking().failed = true;
    }

    fn push(&mut self, path: PathBuf, size: u64) -> ControlFlow<()> {
        if size >= BYTES_PER_BATCH {
            return self.put(vec![path]);
        }
        self.batch.push(path);
        self.bytes += size;
        if self.batch.len() >= FILES_PER_BATCH || self.bytes >= BYTES_PER_BATCH {
            self.flush()
        } else {
            ControlFlow::Continue(())
        }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        self.bytes = 0;
        let batch = mem::take(&mut self.batch);
        if batch.is_empty() { ControlFlow::Continue(()) } else { self.put(batch) }
    }

    fn put(&self, batch: Batch) -> ControlFlow<()> {
        match self.app.batches.put_blocking(batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
