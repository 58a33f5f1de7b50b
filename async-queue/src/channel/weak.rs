//! [`WeakHalf`], which does not keep a channel open.

use super::{Gets, Half, Puts, Shared, role::Role};
use std::{
    fmt,
    marker::PhantomData,
    panic::{RefUnwindSafe, UnwindSafe},
};
use waitline::sync::{Arc, atomic::Ordering};

/// A reference to the sending half of a channel that does not keep it open. Made by
/// [`Sender::downgrade`](super::Sender::downgrade).
///
/// ```
/// use waitline_queue::channel;
/// let (sender, receiver) = channel::unbounded();
/// let weak: channel::WeakSender<u8> = sender.downgrade();
/// weak.upgrade().unwrap().try_put(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none() && receiver.is_closed());
/// ```
pub type WeakSender<T> = WeakHalf<T, Puts>;

/// A reference to the receiving half of a channel that does not keep it open. Made by
/// [`Receiver::downgrade`](super::Receiver::downgrade).
///
/// ```
/// use waitline_queue::channel;
/// let (sender, receiver) = channel::bounded::<u8>(1);
/// let weak: channel::WeakReceiver<u8> = receiver.downgrade();
/// drop(receiver);
/// assert!(weak.upgrade().is_none() && sender.is_closed());
/// ```
pub type WeakReceiver<T> = WeakHalf<T, Gets>;

/// A [`WeakSender`] or a [`WeakReceiver`], by its role. It keeps the channel's memory, but neither the channel open nor
/// its items alive.
pub struct WeakHalf<T, R: Role> {
    shared: Arc<Shared<T>>,
    role: PhantomData<fn(R)>,
}

impl<T, R: Role> Half<T, R> {
    /// A reference to the same half that does not count: the channel closes when the last half that counts is dropped.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// # drop(weak);
    /// ```
    pub fn downgrade(&self) -> WeakHalf<T, R> {
        WeakHalf { shared: self.shared.clone(), role: PhantomData }
    }
}

impl<T, R: Role> WeakHalf<T, R> {
    /// A half that counts, or `None` if the last one is gone. A channel that was closed by a call has halves, too.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// let weak = sender.downgrade();
    /// let other = weak.upgrade().unwrap();
    /// drop(sender);
    /// other.try_put(1).unwrap();
    /// assert_eq!(receiver.try_get(), Ok(1));
    /// ```
    pub fn upgrade(&self) -> Option<Half<T, R>> {
        // In one step with the look at the count: a half whose channel has begun to close must not come back.
        // Ordering: Relaxed, as in the clone and the drop of a half.
        R::count(&self.shared)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| if count == 0 { None } else { Some(count + 1) })
            .ok()
            .map(|_| Half::new(self.shared.clone()))
    }
}

impl<T, R: Role> Clone for WeakHalf<T, R> {
    fn clone(&self) -> Self {
        WeakHalf { shared: self.shared.clone(), role: PhantomData }
    }
}

// As for `Queue`.
impl<T, R: Role> UnwindSafe for WeakHalf<T, R> {}
impl<T, R: Role> RefUnwindSafe for WeakHalf<T, R> {}

/// `WeakSender { halves: 2 }`: how many halves count.
impl<T, R: Role> fmt::Debug for WeakHalf<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let halves = R::count(&self.shared).load(Ordering::Relaxed);
        f.debug_struct(R::WEAK_NAME).field("halves", &halves).finish()
    }
}
