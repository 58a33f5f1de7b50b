//! The feature `fused`: the streams tell whether they have ended.

use crate::{get_many::Items, owned::OwnedItems, queue::QueueRef, store::Store};
use futures_core::stream::FusedStream;

impl<T, S: Store<Item = T>> FusedStream for Items<'_, T, S> {
    fn is_terminated(&self) -> bool {
        self.has_ended()
    }
}

impl<T, R: QueueRef<Item = T>> FusedStream for OwnedItems<T, R> {
    fn is_terminated(&self) -> bool {
        self.has_ended()
    }
}
