//! A minimal async executor.
