//! `settle` grants what a change has made possible, and wake-ups follow. The table of transitions and the invariants
//! are in `state`.

use crate::{
    state::{CLOSERS, GETTERS, JOINERS, PUTTERS, Phase, RELEASED, Request, Section},
    store::Store,
};
use waitline::Wakers;

/// Grants everything that the section's change has made possible, and wakes the granted waiters, in rounds, without the
/// mutex.
#[cold]
pub(crate) fn settle_and_wake<S: Store>(section: Section<'_, S>) {
    section.wake_in_rounds::<32>(|mut queue, wakers| !settle(&mut queue, wakers));
}

/// Grants everything that can be granted, until `wakers` is full. Returns whether nothing is left to grant.
fn settle<S: Store>(queue: &mut Section<'_, S>, wakers: &mut Wakers) -> bool {
    loop {
        while queue.has_waiters::<GETTERS>() {
            let parcel = queue.take();
            if parcel.is_none() && !queue.is_drained() {
                break;
            }
            let Some(mut getter) = queue.front::<GETTERS>() else { break };
            if let Some(parcel) = parcel {
                *getter.data() = Request::leaving(parcel);
            }
            wakers.push(getter.grant());
            if wakers.is_full() {
                return false;
            }
        }
        let mut items_entered = false;
        while queue.phase != Phase::Open || queue.room > 0 {
            let open = queue.phase == Phase::Open;
            let Some(mut putter) = queue.front::<PUTTERS>() else { break };
            let request = putter.data();
            // In a queue that compares, the putter itself compares, so that a panic goes to it.
            let mut item = if request.is_blocking && open && !S::COMPARES { request.item.take() } else { None };
            wakers.push(putter.grant());
            if item.is_some() {
                queue.put(&mut item);
                items_entered = true;
            } else {
                queue.room -= 1;
            }
            if wakers.is_full() {
                return false;
            }
        }
        if !items_entered {
            break;
        }
    }
    while let Some(joiner) = queue.front::<RELEASED>() {
        wakers.push(joiner.grant());
        if wakers.is_full() {
            return false;
        }
    }
    true
}

/// Releases the joiners if every item is done (Q6).
pub(crate) fn release_joiners<S: Store>(queue: &mut Section<'_, S>) {
    if queue.unfinished() == 0 {
        queue.splice::<JOINERS, RELEASED>();
    }
}

/// Releases those who wait for the close, because the queue is closed now (Q6).
pub(crate) fn release_closers<S: Store>(queue: &mut Section<'_, S>) {
    queue.splice::<CLOSERS, RELEASED>();
}
