//! Async queues with backpressure that lose nothing under cancellation.
