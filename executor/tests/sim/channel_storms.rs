//! Random work on the channels of all kinds, with tasks that are cancelled anywhere. See `storms`.

use crate::storms::{join, pause, spawn_doomed};
use std::{cell::Cell, rc::Rc};
use waitline_executor::{
    sim, spawn_local,
    sync::{oneshot, watch},
};

const SEEDS: std::ops::Range<u64> = 0..5000;

/// A value that counts itself until it is dropped.
struct Alive(Rc<Cell<usize>>);

impl Alive {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn oneshots() {
    let (got_in_all, back_in_all) = (Cell::new(0), Cell::new(0));
    sim::many(SEEDS, || async {
        let (alive, got, back) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let watched = Rc::new(Cell::new(0));
        let (mut tasks, mut sent) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let (sender, receiver) = oneshot::channel();
            let (alive, back) = (alive.clone(), back.clone());
            let got = got.clone();
            tasks.push(spawn_doomed(async move {
                pause().await;
                if receiver.await.is_ok() {
                    got.set(got.get() + 1);
                }
            }));
            sent.push(spawn_doomed(async move {
                pause().await;
                if sender.send(Alive::new(&alive)).is_err() {
                    back.set(back.get() + 1);
                }
            }));
        }
        // Senders that wait for the end of receivers.
        for _ in 0..2 {
            let (sender, receiver) = oneshot::channel::<Alive>();
            let watched = watched.clone();
            tasks.push(spawn_doomed(async move {
                pause().await;
                _ = receiver.await;
            }));
            let watcher = spawn_local(async move {
                sender.closed().await;
                watched.set(watched.get() + 1);
            });
            pause().await;
            tasks.last().unwrap().cancel();
            tasks.push(watcher);
        }
        join(tasks).await;
        join(sent).await;
        assert_eq!((alive.get(), watched.get()), (0, 2), "a value is kept, or a receiver's end was missed");
        assert!(got.get() + back.get() <= 4);
        got_in_all.set(got_in_all.get() + got.get());
        back_in_all.set(back_in_all.get() + back.get());
    });
    assert!(got_in_all.get() > 1000 && back_in_all.get() > 1000, "{got_in_all:?} got, {back_in_all:?} given back");
}

#[test]
fn watches() {
    sim::many(SEEDS, || async {
        let (sender, receiver) = watch::channel(0);
        let seen_in_full = Rc::new(Cell::new(0));
        let receivers = (0..4).map(|_| {
            let (mut receiver, seen_in_full) = (receiver.clone(), seen_in_full.clone());
            spawn_doomed(async move {
                let mut last = 0;
                loop {
                    pause().await;
                    let ended = match sim::chance(0.5) {
                        true => receiver.changed().await.is_err(),
                        false => receiver.wait_for(|value| *value > last).await.is_err(),
                    };
                    let value = *receiver.borrow_and_update();
                    assert!(if ended { value == last } else { value > last }, "{last}, then {value}");
                    if ended {
                        break;
                    }
                    last = value;
                }
                seen_in_full.set(seen_in_full.get() + usize::from(last == 6));
            })
        });
        let receivers: Vec<_> = receivers.collect();
        drop(receiver);
        let closed = spawn_local({
            let sender = sender.clone();
            async move { sender.closed().await }
        });
        let senders = (0..2).map(|_| {
            let sender = sender.clone();
            spawn_local(async move {
                for _ in 0..3 {
                    pause().await;
                    sender.send_modify(|value| *value += 1);
                }
            })
        });
        join(senders.collect()).await;
        // The one that waits for their end is a sender, too: it keeps the others from the end until it is cancelled.
        pause().await;
        closed.cancel();
        _ = closed.await;
        drop(sender);
        let complete = join(receivers).await;
        assert_eq!(seen_in_full.get(), complete, "a receiver has missed the last value");
    });
}
