//! Who goes next: `settle`, and the wake-ups that follow. The table of transitions and the invariants are in `raw`.

use crate::{
    raw::{Cargo, GETTERS, Guard, PUTTERS, Phase, RELEASED, RawQueue},
    store::Store,
    turn::Turn,
};
use waitline::{FirstPanic, Wakers};

/// Makes transitions until nothing more can be decided; `false` if there are more than `wakers` can hold.
///
/// In one pass, unless the item of a put that blocks its thread enters: else an item that is handed over makes room at
/// most, and a slot that is granted brings its item later.
fn settle<S: Store>(locked: &mut Guard<'_, S>, wakers: &mut Wakers) -> bool {
    let mut turn = Turn(locked);
    loop {
        while turn.front(GETTERS).is_some() {
            let parcel = turn.take();
            if parcel.is_none() && !turn.is_drained() {
                break;
            }
            let Some(mut getter) = turn.front(GETTERS) else { break };
            if let Some(parcel) = parcel {
                *getter.data() = Cargo::leaving(parcel);
            }
            wakers.push(getter.grant());
            if wakers.is_full() {
                return false;
            }
        }
        let mut items_came = false;
        while turn.phase != Phase::Open || turn.room > 0 {
            let open = turn.phase == Phase::Open;
            let Some(mut putter) = turn.front(PUTTERS) else { break };
            let cargo = putter.data();
            // In a queue that compares, the comparison and its panic are the putter's own business.
            let mut item = if cargo.is_blocking && open && !S::COMPARES { cargo.item.take() } else { None };
            wakers.push(putter.grant());
            if item.is_some() {
                turn.put_at_once(&mut item);
                items_came = true;
            } else {
                turn.room -= 1;
            }
            if wakers.is_full() {
                return false;
            }
        }
        if !items_came {
            break;
        }
    }
    while let Some(joiner) = turn.front(RELEASED) {
        wakers.push(joiner.grant());
        if wakers.is_full() {
            return false;
        }
    }
    true
}

/// The end of a turn while somebody waits.
#[cold]
pub(crate) fn settle_and_wake<S: Store>(raw: &RawQueue<S>, mut locked: Guard<'_, S>) {
    let mut wakers = Wakers::new();
    let settled = settle(&mut locked, &mut wakers);
    drop(locked);
    if settled {
        return wakers.wake_all();
    }
    wake_in_rounds(raw, settled, wakers);
}

/// A waker that panics must not keep those of later rounds asleep.
#[cold]
fn wake_in_rounds<S: Store>(raw: &RawQueue<S>, mut settled: bool, mut wakers: Wakers) {
    let mut panic = FirstPanic::new();
    loop {
        panic.catch(|| wakers.wake_all());
        if settled {
            break;
        }
        settled = settle(&mut raw.queue().lock(), &mut wakers);
    }
    panic.resume();
}
