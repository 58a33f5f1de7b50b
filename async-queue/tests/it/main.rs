//! The tests of the queues on the real primitives; the models are in `loom.rs`.
#![cfg(not(all(loom, feature = "loom")))]

mod asyncio;
