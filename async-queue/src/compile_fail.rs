//! Code that must not compile, in documentation tests, which can check that.

/// A type that gives access to a queue is invariant in its items. Otherwise a short-lived item could be put into a
/// queue from which other code expects to get `'static` items.
///
/// ```
/// # use waitline_queue::{channel::*, *};
/// fn keep<'q, 's>(slot: Slot<'q, &'s str>) -> Slot<'q, &'s str> {
///     slot
/// }
/// fn shorten_the_borrow<'q>(slot: Slot<'static, &'static str>) -> Slot<'q, &'static str> {
///     slot
/// }
/// fn keep_a_wait<'q, 's>(put: Put<'q, &'s str>) -> Put<'q, &'s str> {
///     put
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Queue;
/// fn shorten<'s>(it: Queue<&'static str>) -> Queue<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::PriorityQueue;
/// fn shorten<'s>(it: PriorityQueue<&'static str>) -> PriorityQueue<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::LifoQueue;
/// fn shorten<'s>(it: LifoQueue<&'static str>) -> LifoQueue<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::channel::Sender;
/// fn shorten<'s>(it: Sender<&'static str>) -> Sender<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::channel::Receiver;
/// fn shorten<'s>(it: Receiver<&'static str>) -> Receiver<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Slot;
/// fn shorten<'q, 's>(it: Slot<'q, &'static str>) -> Slot<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Put;
/// fn shorten<'q, 's>(it: Put<'q, &'static str>) -> Put<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Reserve;
/// fn shorten<'q, 's>(it: Reserve<'q, &'static str>) -> Reserve<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Get;
/// fn shorten<'q, 's>(it: Get<'q, &'static str>) -> Get<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::GetMany;
/// fn shorten<'q, 's>(it: GetMany<'q, &'static str>) -> GetMany<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Items;
/// fn shorten<'q, 's>(it: Items<'q, &'static str>) -> Items<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::Join;
/// fn shorten<'q, 's>(it: Join<'q, &'static str>) -> Join<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::UntilClosed;
/// fn shorten<'q, 's>(it: UntilClosed<'q, &'static str>) -> UntilClosed<'q, &'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::OwnedSlot;
/// fn shorten<'s>(it: OwnedSlot<&'static str>) -> OwnedSlot<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::ReserveOwned;
/// fn shorten<'s>(it: ReserveOwned<&'static str>) -> ReserveOwned<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::OwnedItems;
/// fn shorten<'s>(it: OwnedItems<&'static str>) -> OwnedItems<&'s str> {
///     it
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::channel::WeakSender;
/// fn shorten<'s>(it: WeakSender<&'static str>) -> WeakSender<&'s str> {
///     it
/// }
/// ```
///
/// Likewise in the other orders:
///
/// ```compile_fail
/// # use waitline_queue::{Slot, order::Priority};
/// type Sorted<'q, T> = Slot<'q, T, Priority<T>>;
/// fn shorten<'q, 's>(slot: Sorted<'q, &'static str>) -> Sorted<'q, &'s str> {
///     slot
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_queue::{Put, order::Lifo};
/// type Stacked<'q, T> = Put<'q, T, Lifo<T>>;
/// fn shorten<'q, 's>(put: Stacked<'q, &'static str>) -> Stacked<'q, &'s str> {
///     put
/// }
/// ```
struct Invariance;

/// A future or a slot outlives neither its queue nor anything else that it borrows.
///
/// ```compile_fail,E0505
/// let queue = waitline_queue::Queue::<u8>::bounded(1);
/// let it = queue.try_reserve().unwrap();
/// drop(queue);
/// drop(it);
/// ```
///
/// ```compile_fail,E0505
/// let queue = waitline_queue::Queue::<u8>::bounded(1);
/// let it = queue.put(1);
/// drop(queue);
/// drop(it);
/// ```
///
/// ```compile_fail,E0505
/// let queue = waitline_queue::Queue::<u8>::bounded(1);
/// let it = queue.reserve();
/// drop(queue);
/// drop(it);
/// ```
///
/// ```compile_fail,E0505
/// let queue = waitline_queue::Queue::<u8>::bounded(1);
/// let it = queue.get();
/// drop(queue);
/// drop(it);
/// ```
///
/// ```compile_fail,E0505
/// let queue = waitline_queue::Queue::<u8>::bounded(1);
/// let it = queue.items();
/// drop(queue);
/// drop(it);
/// ```
///
/// ```compile_fail,E0505
/// let queue = waitline_queue::Queue::<u8>::bounded(1);
/// let it = queue.join();
/// drop(queue);
/// drop(it);
/// ```
///
/// ```compile_fail,E0505
/// let (sender, _receiver) = waitline_queue::channel::bounded::<u8>(1);
/// let slot = sender.try_reserve().unwrap();
/// drop(sender);
/// drop(slot);
/// ```
///
/// ```compile_fail,E0505
/// let (_sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
/// let items = receiver.items();
/// drop(receiver);
/// drop(items);
/// ```
///
/// ```compile_fail,E0502
/// let (queue, mut batch) = (waitline_queue::Queue::<u8>::bounded(1), Vec::new());
/// let get = queue.get_many(&mut batch, 1);
/// assert!(batch.is_empty());
/// drop(get);
/// ```
///
/// ```compile_fail,E0597
/// static QUEUE: waitline_queue::Queue<&str> = waitline_queue::Queue::bounded(1);
/// let text = String::from("short-lived");
/// QUEUE.try_put(&text).unwrap();
/// ```
///
/// A slot puts once:
///
/// ```compile_fail,E0382
/// let queue = waitline_queue::Queue::bounded(1);
/// let slot = queue.try_reserve().unwrap();
/// slot.put(1).unwrap();
/// slot.put(2).unwrap();
/// ```
struct Lifetimes;
