//! A manual-reset async event and a cyclic barrier, with the meaning of asyncio's.
#![forbid(unsafe_code)]

mod event;
mod release;

pub use event::{Event, Wait};
