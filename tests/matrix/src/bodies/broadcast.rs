use super::POLLS;
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::yield_now;
use waitline_queue::{
    PutError,
    broadcast::{self, GetError, Receiver},
};

/// Gets everything until the end.
async fn get_all(mut receiver: Receiver<usize>) -> Vec<usize> {
    let mut got = Vec::new();
    while let Ok(value) = receiver.get().await {
        got.push(value);
    }
    got
}

/// Every receiver gets every value, and the sender waits for the slowest.
pub(super) async fn hand_off(tasks: Tasks) {
    let (sender, receiver) = broadcast::channel(2);
    let mut waiting = Vec::new();
    for _ in 0..40 {
        waiting.push(tasks.spawn_waiting(get_all(receiver.clone())).await);
    }
    drop(receiver);
    let sending = tasks.spawn(async move {
        for value in 0..10 {
            sender.send(value).await.unwrap();
        }
    });
    sending.await;
    assert!(join_all(waiting).await.into_iter().all(|got| got.into_iter().eq(0..10)));
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let (sender, mut receiver) = broadcast::channel(1);
    let mut second = receiver.clone();
    let getting = tasks.spawn_waiting(async move { (second.get().await, second) }).await;
    let sender = on_thread(move || {
        sender.try_send(1).unwrap();
        sender
    });
    let sender = sender.await;
    let (got, second) = getting.await;
    assert_eq!(got, Ok(1));
    let sending = tasks.spawn_waiting(async move { sender.send(2).await }).await;
    assert_eq!(on_thread(move || (receiver.try_get(), receiver)).await.0, Ok(1));
    // Both the get and the drop of a receiver have made room.
    drop(second);
    assert!(matches!(sending.await, Ok(()) | Err(PutError(2))));
}

pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let (sender, mut receiver) = broadcast::channel(1);
        let patient = tasks.spawn(get_all(receiver.clone()));
        let impatient = tasks.spawn(async move {
            let first = dropped_after(polls, receiver.get()).await.map(Result::unwrap);
            let mut got = Vec::from_iter(first);
            got.extend(get_all(receiver).await);
            got
        });
        let sending = tasks.spawn(async move {
            sender.send(1).await.unwrap();
            let given_up = dropped_after(POLLS - polls, sender.send(2)).await;
            sender.send(3).await.unwrap();
            given_up.is_some()
        });
        let sent = sending.await;
        let got = patient.await;
        assert!(got == [1, 2, 3] || (got == [1, 3] && !sent), "{got:?}, sent: {sent}");
        assert_eq!(impatient.await, got);
    }
}

pub(super) async fn blocking(tasks: Tasks) {
    const EACH: usize = 100;
    let (sender, receiver) = broadcast::channel(4);
    let by_task = tasks.spawn(get_all(receiver.clone()));
    let by_thread = on_thread({
        let mut receiver = receiver.clone();
        move || std::iter::from_fn(|| receiver.get_blocking().ok()).collect::<Vec<_>>()
    });
    drop(receiver);
    let senders = (0..2).map(|source| {
        let sender = sender.clone();
        on_thread(move || (0..EACH).for_each(|n| sender.send_blocking(source * EACH + n).unwrap()))
    });
    let senders: Vec<_> = senders.collect();
    for n in 2 * EACH..3 * EACH {
        sender.send(n).await.unwrap();
    }
    drop(sender);
    join_all(senders).await;
    let got = by_task.await;
    assert_eq!(got, by_thread.await);
    assert!((0..3).all(|source| got.iter().filter(|n| *n / EACH == source).is_sorted()));
    assert_eq!(got.len(), 3 * EACH);
}

/// Receivers that give up now and then, of which one lags: each gets or is told of every value.
pub(super) async fn stress(tasks: Tasks) {
    const EACH: usize = 100;
    for (sender, receiver) in [broadcast::channel(3), broadcast::lagging(3)] {
        let receivers = (0..3).map(|seed| {
            let mut receiver = receiver.clone();
            tasks.spawn(async move {
                let (mut random, mut count) = (fastrand::Rng::with_seed(seed), 0);
                loop {
                    let outcome = match random.bool() {
                        true => dropped_after(random.usize(..4), receiver.get()).await,
                        false => Some(receiver.get().await),
                    };
                    match outcome {
                        None => {}
                        Some(Ok(_)) => count += 1,
                        Some(Err(GetError::Lagged(missed))) => count += missed as usize,
                        Some(Err(GetError::Closed)) => return count,
                    }
                }
            })
        });
        let receivers: Vec<_> = receivers.collect();
        drop(receiver);
        let senders = (0..3).map(|_| {
            let sender = sender.clone();
            tasks.spawn(async move {
                for n in 0..EACH {
                    sender.send(n).await.unwrap();
                    if n % 8 == 0 {
                        yield_now().await;
                    }
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        drop(sender);
        join_all(senders).await;
        assert!(join_all(receivers).await.into_iter().all(|count| count == 3 * EACH));
    }
}
