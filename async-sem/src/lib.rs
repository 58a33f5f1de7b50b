//! A strictly fair async semaphore, and a bounded one.
