//! Hazards 18 and 34: who may cross threads. The table of the design, checked by the compiler.

use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
};
use waitline_lock::*;

/// Send, not Sync.
type SendOnly = Cell<u8>;
/// Neither.
type Neither = Rc<u8>;
/// Sync, not Send.
type SyncOnly = std::sync::MutexGuard<'static, u8>;

yes!(Lock<SendOnly>: Send, Sync);
no!(Lock<Neither>: Send, Sync);
no!(Lock<SyncOnly>: Send, Sync);
yes!(Condition: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
// Nothing is poisoned, whatever is in it: as with std's `Mutex`.
yes!(Lock<SendOnly>: UnwindSafe, RefUnwindSafe);
yes!(Lock<Neither>: UnwindSafe, RefUnwindSafe);
yes!(LockGuard<'static, u8>: RefUnwindSafe);

yes!(LockGuard<'static, u8>: Send, Sync);
yes!(LockGuard<'static, SendOnly>: Send);
no!(LockGuard<'static, SendOnly>: Sync);
no!(LockGuard<'static, SyncOnly>: Send, Sync);
no!(LockGuard<'static, Neither>: Send, Sync);

yes!(OwnedLockGuard<u8>: Send, Sync);
yes!(OwnedLockGuard<SendOnly>: Send);
no!(OwnedLockGuard<SendOnly>: Sync);
no!(OwnedLockGuard<SyncOnly>: Send, Sync);
no!(OwnedLockGuard<Neither>: Send, Sync);

yes!(MappedLockGuard<'static, u8>: Send, Sync);
yes!(MappedLockGuard<'static, SendOnly>: Send);
no!(MappedLockGuard<'static, SendOnly>: Sync);
yes!(MappedLockGuard<'static, SyncOnly>: Sync);
no!(MappedLockGuard<'static, SyncOnly>: Send);
no!(MappedLockGuard<'static, Neither>: Send, Sync);

yes!(OwnedMappedLockGuard<u8, u8>: Send, Sync);
yes!(OwnedMappedLockGuard<SendOnly, u8>: Send, Sync);
no!(OwnedMappedLockGuard<Neither, u8>: Send, Sync);
no!(OwnedMappedLockGuard<SyncOnly, u8>: Send, Sync);
no!(OwnedMappedLockGuard<u8, SendOnly>: Sync);
no!(OwnedMappedLockGuard<u8, Neither>: Send, Sync);

yes!(WaitTimedOut<LockGuard<'static, SendOnly>>: Send, std::error::Error);
no!(WaitTimedOut<LockGuard<'static, SendOnly>>: Sync);
no!(WaitTimedOut<LockGuard<'static, Neither>>: Send, Sync);

yes!(Acquire<'static, SendOnly>: Send, Sync);
no!(Acquire<'static, Neither>: Send, Sync);
no!(Acquire<'static, u8>: Unpin);
yes!(AcquireOwned<SendOnly>: Send, Sync);
no!(AcquireOwned<Neither>: Send, Sync);
no!(AcquireOwned<u8>: Unpin);
yes!(Wait<'static, LockGuard<'static, SendOnly>>: Send);
no!(Wait<'static, LockGuard<'static, Neither>>: Send, Sync);
yes!(Wait<'static, LockGuard<'static, u8>>: Send, Sync);
no!(Wait<'static, LockGuard<'static, SyncOnly>>: Send, Sync);
no!(Wait<'static, OwnedLockGuard<SyncOnly>>: Send, Sync);
no!(Wait<'static, LockGuard<'static, u8>>: Unpin);
yes!(Wait<'static, OwnedLockGuard<SendOnly>>: Send);
no!(Wait<'static, OwnedLockGuard<Neither>>: Send, Sync);
yes!(WaitWhile<'static, LockGuard<'static, u8>, fn(&mut u8) -> bool>: Send);
no!(WaitWhile<'static, LockGuard<'static, Neither>, fn(&mut Neither) -> bool>: Send);
no!(WaitWhile<'static, LockGuard<'static, u8>, fn(&mut u8) -> bool>: Unpin);
