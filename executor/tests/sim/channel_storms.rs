//! Random work on the channels of all kinds, with tasks that are cancelled anywhere. See `storms`.

use crate::storms::{join, pause, spawn_doomed};
use futures_lite::future::poll_once;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use waitline_executor::{
    sim, spawn_local,
    sync::{
        broadcast::{self, GetError},
        oneshot, watch,
    },
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

#[test]
fn broadcasts() {
    sim::many(SEEDS, || async {
        let lags = sim::chance(0.5);
        let capacity = 1 + sim::rng().below(3) as usize;
        let (sender, receiver) = if lags { broadcast::lagging(capacity) } else { broadcast::channel(capacity) };
        let alive = Rc::new(Cell::new(0));
        let sent = Rc::new(RefCell::new(Vec::new()));
        let all = Rc::new(RefCell::new(Vec::new()));
        let receivers = (0..3).map(|_| {
            let (mut receiver, all) = (receiver.clone(), all.clone());
            spawn_doomed(async move {
                let (mut got, mut missed) = (Vec::new(), 0);
                loop {
                    pause().await;
                    if sim::chance(0.3) {
                        _ = poll_once(receiver.get()).await.map(|value| match value {
                            Ok((number, _)) => got.push(number),
                            Err(GetError::Lagged(n)) => missed += n,
                            Err(GetError::Closed) => {}
                        });
                    }
                    match receiver.get().await {
                        Ok((number, _)) => got.push(number),
                        Err(GetError::Lagged(n)) => missed += n,
                        Err(GetError::Closed) => break,
                    }
                }
                all.borrow_mut().push((got, missed));
            })
        });
        let receivers: Vec<_> = receivers.collect();
        drop(receiver);
        let senders = (0..3).map(|source| {
            let (sender, sent, alive) = (sender.clone(), sent.clone(), alive.clone());
            spawn_doomed(async move {
                for n in 0..4 {
                    pause().await;
                    let number = source * 10 + n;
                    match sender.send((number, Rc::new(Alive::new(&alive)))).await {
                        Ok(()) => sent.borrow_mut().push(number),
                        Err(_) => break,
                    }
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        join(senders).await;
        drop(sender);
        let complete = join(receivers).await;
        assert_eq!((all.borrow().len(), alive.get()), (complete, 0), "a value is kept");
        let all = all.borrow();
        let total = all.first().map(|(got, missed)| got.len() as u64 + missed);
        for (got, missed) in all.iter() {
            assert!(lags || *missed == 0);
            assert_eq!(Some(got.len() as u64 + missed), total, "a value is lost without a word");
            for source in 0..3 {
                assert!(got.iter().filter(|number| *number / 10 == source).is_sorted());
            }
            if !lags {
                assert!(got == &all[0].0, "two orders");
                assert!(sent.borrow().iter().all(|number| got.contains(number)));
            }
        }
    });
}
