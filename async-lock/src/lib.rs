//! A strictly fair async lock with guards that map, and a condition variable without a thundering herd.
