//! Progress on the terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

/// A line on standard error, if that is a terminal: files, bytes, rate.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        let shown = io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let template = "{spinner} {msg} files, {binary_bytes}, {binary_bytes_per_sec}, {elapsed}";
        let style = ProgressStyle::with_template(template).expect("a valid template");
        Self(ProgressBar::with_draw_target(None, target).with_style(style))
    }

    pub(crate) fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    pub(crate) fn show(&self, files: u64, bytes: u64) {
        self.0.set_message(files.to_string());
        self.0.set_position(bytes);
        self.0.tick();
    }

    /// Calls `f`, which writes to the terminal, with the line out of the way.
    pub(crate) fn suspend<R>(&self, f: impl FnOnce() -> R) -> R {
        if self.is_shown() { self.0.suspend(f) } else { f() }
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
