use super::POLLS;
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::yield_now;
use waitline_event::watch::{self, Closed, Receiver};

/// Returns the values that it sees until the senders are gone.
async fn follow(mut receiver: Receiver<usize>) -> Vec<usize> {
    let mut seen = Vec::new();
    while receiver.changed().await.is_ok() {
        seen.push(*receiver.borrow_and_update());
    }
    seen
}

/// Every receiver sees the last value, and then the end.
pub(super) async fn hand_off(tasks: Tasks) {
    let (sender, receiver) = watch::channel(0);
    let mut waiting = Vec::new();
    for _ in 0..40 {
        waiting.push(tasks.spawn_waiting(follow(receiver.clone())).await);
    }
    sender.send(1).unwrap();
    yield_now().await;
    sender.send(2).unwrap();
    sender.send(3).unwrap();
    drop(sender);
    for seen in join_all(waiting).await {
        assert!(seen.is_sorted() && seen.last() == Some(&3), "{seen:?}");
    }
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let (sender, mut receiver) = watch::channel(0);
    let mut second = receiver.clone();
    let changed = tasks.spawn_waiting(async move { receiver.changed().await }).await;
    let three =
        tasks.spawn_waiting(async move { second.wait_for(|value| *value == 3).await.map(|value| *value) }).await;
    let sender = on_thread(move || {
        (1..=3).for_each(|value| sender.send(value).unwrap());
        sender
    });
    let sender = sender.await;
    assert_eq!((changed.await, three.await), (Ok(()), Ok(3)));
    tasks.spawn(async move { sender.closed().await }).await;
}

pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let (sender, receiver) = watch::channel(0);
        let impatient = tasks.spawn({
            let mut receiver = receiver.clone();
            async move {
                dropped_after(polls, receiver.changed()).await;
                *receiver.wait_for(|value| *value == 1).await.unwrap()
            }
        });
        let patient = tasks.spawn_waiting(follow(receiver)).await;
        sender.send(1).unwrap();
        assert_eq!(impatient.await, 1);
        drop(sender);
        assert_eq!(patient.await, [1]);
    }
}

pub(super) async fn blocking(tasks: Tasks) {
    let (sender, receiver) = watch::channel(0);
    let threads = [(); 2].map(|()| {
        let mut receiver = receiver.clone();
        on_thread(move || {
            let met = receiver.wait_for_blocking(|value| *value == 5).map(|value| *value);
            (met, receiver.changed_blocking())
        })
    });
    let task = tasks.spawn(follow(receiver));
    for value in 1..=5 {
        sender.send(value).unwrap();
        yield_now().await;
    }
    // Not before the threads have seen it; they hold receivers until then.
    drop(sender);
    for (met, end) in join_all(threads).await {
        assert_eq!((met, end), (Ok(5), Err(Closed)));
    }
    assert_eq!(task.await.last(), Some(&5));
}

/// Several senders, and receivers that give up now and then: each sees values in order, and the last one.
pub(super) async fn stress(tasks: Tasks) {
    const EACH: usize = 100;
    let (sender, receiver) = watch::channel(0);
    let receivers = (0..4).map(|seed| {
        let mut receiver = receiver.clone();
        tasks.spawn(async move {
            let (mut random, mut last) = (fastrand::Rng::with_seed(seed), 0);
            loop {
                if random.bool() {
                    dropped_after(random.usize(..4), receiver.changed()).await;
                }
                let ended = receiver.changed().await.is_err();
                let value = *receiver.borrow_and_update();
                assert!(value >= last);
                last = value;
                if ended {
                    return last;
                }
            }
        })
    });
    let receivers: Vec<_> = receivers.collect();
    let senders = (0..3).map(|_| {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..EACH {
                sender.send_modify(|value| *value += 1);
                if n % 8 == 0 {
                    yield_now().await;
                }
            }
        })
    });
    join_all(senders.collect::<Vec<_>>()).await;
    drop(sender);
    assert!(join_all(receivers).await.into_iter().all(|last| last == 3 * EACH));
}
