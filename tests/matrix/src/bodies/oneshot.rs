use super::POLLS;
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::yield_now;
use waitline_queue::{
    channel,
    oneshot::{self, Closed},
};

/// Each value goes to the task that waits for it, and a sender that is dropped ends the wait.
pub(super) async fn hand_off(tasks: Tasks) {
    let (mut senders, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        let (sender, receiver) = oneshot::channel();
        senders.push(sender);
        waiting.push(tasks.spawn_waiting(receiver).await);
    }
    for (n, sender) in senders.into_iter().enumerate() {
        if n % 2 == 0 {
            sender.send(n).unwrap();
        }
    }
    for (n, outcome) in join_all(waiting).await.into_iter().enumerate() {
        assert_eq!(outcome, if n % 2 == 0 { Ok(n) } else { Err(Closed) });
    }
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let (sender, receiver) = oneshot::channel();
    let waiting = tasks.spawn_waiting(receiver).await;
    on_thread(move || sender.send(7)).await.unwrap();
    assert_eq!(waiting.await, Ok(7));

    let (sender, receiver) = oneshot::channel::<u32>();
    let closed = tasks.spawn_waiting(async move { sender.closed().await }).await;
    on_thread(move || drop(receiver)).await;
    closed.await;
}

pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let (sender, receiver) = oneshot::channel();
        let (other, gone) = oneshot::channel::<u32>();
        let impatient = tasks.spawn(dropped_after(polls, receiver));
        let closed = tasks.spawn(async move {
            dropped_after(POLLS - polls, other.closed()).await;
            other.closed().await;
        });
        yield_now().await;
        let sent = sender.send(7);
        drop(gone);
        // Sent and got, sent and dropped with the receiver, or given back.
        match impatient.await {
            Some(got) => assert_eq!((got, sent), (Ok(7), Ok(()))),
            None => assert!(matches!(sent, Ok(()) | Err(7))),
        }
        closed.await;
    }
}

pub(super) async fn blocking(tasks: Tasks) {
    let (sender, receiver) = oneshot::channel();
    let (answer, end) = oneshot::channel();
    let thread = on_thread(move || answer.send(receiver.get_blocking().unwrap() + 1));
    let end = tasks.spawn(end);
    sender.send(7).unwrap();
    assert_eq!(end.await, Ok(8));
    thread.await.unwrap();
}

/// A server that answers requests, and clients that give up now and then.
pub(super) async fn stress(tasks: Tasks) {
    let (requests, inbox) = channel::bounded::<(usize, oneshot::Sender<usize>)>(4);
    let server = tasks.spawn(async move {
        let (mut answered, mut late) = (0, 0);
        while let Ok((number, answer)) = inbox.get().await {
            if number % 3 == 0 {
                yield_now().await;
            }
            match answer.send(number * 2) {
                Ok(()) => answered += 1,
                Err(value) => {
                    assert_eq!(value, number * 2);
                    late += 1;
                }
            }
        }
        (answered, late)
    });
    let clients = (0..4).map(|client| {
        let requests = requests.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(client as u64);
            let mut got = 0;
            for n in 0..100 {
                let number = client * 100 + n;
                let (answer, mut receiver) = oneshot::channel();
                requests.put((number, answer)).await.unwrap();
                let outcome = match random.bool() {
                    true => dropped_after(random.usize(..4), &mut receiver).await,
                    false => Some((&mut receiver).await),
                };
                if let Some(outcome) = outcome {
                    assert_eq!(outcome, Ok(number * 2));
                    got += 1;
                }
            }
            got
        })
    });
    let clients: Vec<_> = clients.collect();
    drop(requests);
    let got: usize = join_all(clients).await.into_iter().sum();
    let (answered, late) = server.await;
    assert_eq!(answered + late, 400);
    assert!((got..=400).contains(&answered), "{got} got, {answered} answered");
}
