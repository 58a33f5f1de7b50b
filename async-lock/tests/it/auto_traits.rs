//! Hazards 18 and 34: who may cross threads. The table of the design, checked by the compiler.

use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
};
use waitline_lock::{
    rwlock::{MappedRwGuard, Mode, Read, RwAcquire, RwGuard, RwUpgrade, SharedMode, Upgradable, Write},
    *,
};

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

// As std's `OnceLock`.
yes!(OnceCell<u8>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(OnceCell<SendOnly>: Send, UnwindSafe);
no!(OnceCell<SendOnly>: Sync, RefUnwindSafe);
no!(OnceCell<SyncOnly>: Send, Sync);
no!(OnceCell<Neither>: Send, Sync);
yes!(WaitSet<'static, u8>: Send, Sync);
no!(WaitSet<'static, u8>: Unpin);
no!(WaitSet<'static, SendOnly>: Send, Sync);
yes!(GetOrInit<'static, u8, fn() -> std::future::Ready<u8>, std::future::Ready<u8>>: Send, Sync);
no!(GetOrInit<'static, u8, fn() -> std::future::Ready<u8>, std::future::Ready<u8>>: Unpin);
no!(GetOrInit<'static, SendOnly, fn() -> std::future::Ready<SendOnly>, std::future::Ready<SendOnly>>: Send, Sync);
no!(GetOrInit<'static, u8, Neither, std::future::Ready<u8>>: Send, Sync);
no!(GetOrInit<'static, u8, fn() -> Neither, Neither>: Send, Sync);
no!(GetOrTryInit<'static, u8, fn() -> Neither, Neither>: Send, Sync);

// As std's: shared by readers, so the value must be Sync, too.
yes!(RwLock<u8>: Send, Sync, Unpin);
yes!(RwLock<SendOnly>: Send);
no!(RwLock<SendOnly>: Sync);
no!(RwLock<SyncOnly>: Send, Sync);
no!(RwLock<Neither>: Send, Sync);
yes!(RwLock<Neither>: UnwindSafe, RefUnwindSafe);
yes!(RwLockReadGuard<'static, u8>: RefUnwindSafe);

yes!(RwLockReadGuard<'static, u8>: Send, Sync);
yes!(RwLockReadGuard<'static, SyncOnly>: Send, Sync);
no!(RwLockReadGuard<'static, SendOnly>: Send, Sync);
no!(RwLockReadGuard<'static, Neither>: Send, Sync);

yes!(RwLockUpgradableReadGuard<'static, u8>: Send, Sync);
yes!(RwLockUpgradableReadGuard<'static, SyncOnly>: Sync);
no!(RwLockUpgradableReadGuard<'static, SyncOnly>: Send);
no!(RwLockUpgradableReadGuard<'static, SendOnly>: Send, Sync);
no!(RwLockUpgradableReadGuard<'static, Neither>: Send, Sync);

// Not Send with a value that is only Send: it may be downgraded on the other thread, beside readers on this one.
yes!(RwLockWriteGuard<'static, u8>: Send, Sync);
yes!(RwLockWriteGuard<'static, SyncOnly>: Sync);
no!(RwLockWriteGuard<'static, SyncOnly>: Send);
no!(RwLockWriteGuard<'static, SendOnly>: Send, Sync);
no!(RwLockWriteGuard<'static, Neither>: Send, Sync);

yes!(OwnedRwLockReadGuard<u8>: Send, Sync);
yes!(OwnedRwLockUpgradableReadGuard<u8>: Send, Sync);
yes!(OwnedRwLockWriteGuard<u8>: Send, Sync);
no!(OwnedRwLockReadGuard<SyncOnly>: Send, Sync);
no!(OwnedRwLockReadGuard<SendOnly>: Send, Sync);
no!(OwnedRwLockUpgradableReadGuard<SyncOnly>: Send, Sync);
no!(OwnedRwLockUpgradableReadGuard<SendOnly>: Send, Sync);
no!(OwnedRwLockWriteGuard<SyncOnly>: Send, Sync);
no!(OwnedRwLockWriteGuard<SendOnly>: Send, Sync);

yes!(MappedRwLockReadGuard<'static, u8>: Send, Sync);
yes!(MappedRwLockReadGuard<'static, SyncOnly>: Send, Sync);
no!(MappedRwLockReadGuard<'static, SendOnly>: Send, Sync);
yes!(MappedRwLockUpgradableReadGuard<'static, SyncOnly>: Send, Sync);
no!(MappedRwLockUpgradableReadGuard<'static, SendOnly>: Send, Sync);
yes!(MappedRwLockWriteGuard<'static, u8>: Send, Sync);
yes!(MappedRwLockWriteGuard<'static, SendOnly>: Send);
no!(MappedRwLockWriteGuard<'static, SendOnly>: Sync);
yes!(MappedRwLockWriteGuard<'static, SyncOnly>: Sync);
no!(MappedRwLockWriteGuard<'static, SyncOnly>: Send);
no!(MappedRwGuard<'static, Neither, Write>: Send, Sync);

yes!(OwnedMappedRwLockReadGuard<u8, u8>: Send, Sync);
yes!(OwnedMappedRwLockUpgradableReadGuard<u8, u8>: Send, Sync);
yes!(OwnedMappedRwLockWriteGuard<u8, u8>: Send, Sync);
no!(OwnedMappedRwLockReadGuard<SendOnly, u8>: Send, Sync);
no!(OwnedMappedRwLockReadGuard<SyncOnly, u8>: Send, Sync);
no!(OwnedMappedRwLockReadGuard<u8, SendOnly>: Send, Sync);
yes!(OwnedMappedRwLockReadGuard<u8, SyncOnly>: Sync);
no!(OwnedMappedRwLockWriteGuard<SendOnly, u8>: Send, Sync);
no!(OwnedMappedRwLockWriteGuard<u8, SyncOnly>: Send);
no!(OwnedMappedRwLockUpgradableReadGuard<u8, Neither>: Send, Sync);

yes!(RwAcquire<&'static RwLock<u8>, Read>: Send, Sync);
no!(RwAcquire<&'static RwLock<SendOnly>, Read>: Send, Sync);
no!(RwAcquire<&'static RwLock<SyncOnly>, Write>: Send, Sync);
no!(RwAcquire<std::sync::Arc<RwLock<Neither>>, Upgradable>: Send, Sync);
no!(RwAcquire<&'static RwLock<u8>, Read>: Unpin);
yes!(RwUpgrade<&'static RwLock<u8>>: Send, Sync);
no!(RwUpgrade<&'static RwLock<SendOnly>>: Send, Sync);
no!(RwUpgrade<std::sync::Arc<RwLock<SyncOnly>>>: Send, Sync);
no!(RwUpgrade<&'static RwLock<u8>>: Unpin);
yes!(RwGuard<&'static RwLock<u8>, Write>: std::ops::DerefMut);
no!(RwGuard<&'static RwLock<u8>, Upgradable>: std::ops::DerefMut);
yes!(Read: Mode, SharedMode, Send, Sync);
yes!(Upgradable: Mode, SharedMode, Send, Sync);
yes!(Write: Mode, Send, Sync);
no!(Write: SharedMode);
