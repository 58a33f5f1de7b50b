//! The signals that ask a program to end.

use std::io;

/// Calls `handler` at each Ctrl-C (SIGINT) and each SIGTERM, on a thread of its own, with the status that a shell reports for
/// a program that the signal has ended.
///
/// # Errors
///
/// If the system refuses.
#[cfg(unix)]
pub(crate) fn on_each(mut handler: impl FnMut(u8) + Send + 'static) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator::Signals,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(|signal| handler(128 + signal as u8)))?;
    Ok(())
}

/// Calls `handler` at each Ctrl-C, on a thread of its own, with the status that a shell reports for a program that it has
/// ended.
///
/// # Errors
///
/// If the system refuses.
#[cfg(not(unix))]
pub(crate) fn on_each(mut handler: impl FnMut(u8) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || handler(130)).map_err(io::Error::other)
}
