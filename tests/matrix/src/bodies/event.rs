use super::{MICROSECOND, POLLS};
use crate::{Tasks, dropped_after, join_all, on_thread};
use std::sync::Arc;
use waitline_event::Event;

async fn wait(event: Arc<Event>) {
    event.wait().await;
}

/// A set completes all waits that have begun, even if it is taken back at once.
pub(super) async fn hand_off(tasks: Tasks) {
    let event = Arc::new(Event::new());
    let mut waiting = Vec::new();
    for _ in 0..40 {
        waiting.push(tasks.spawn_waiting(wait(event.clone())).await);
    }
    assert!(event.set() && event.clear());
    join_all(waiting).await;
    let late = tasks.spawn_waiting(wait(event.clone())).await;
    event.set();
    late.await;
    tasks.spawn(wait(event)).await;
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let event = Arc::new(Event::new());
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(tasks.spawn_waiting(wait(event.clone())).await);
    }
    on_thread(move || event.set()).await;
    join_all(waiting).await;
}

pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let event = Arc::new(Event::new());
        let impatient = tasks.spawn(dropped_after(polls, wait(event.clone())));
        let patient = tasks.spawn_waiting(wait(event.clone())).await;
        let other = tasks.spawn(dropped_after(POLLS - polls, wait(event.clone())));
        event.set();
        patient.await;
        impatient.await;
        other.await;
        assert_eq!(event.waiters(), 0);
    }
}

pub(super) async fn blocking(tasks: Tasks) {
    let event = Arc::new(Event::new());
    let threads = [(); 2].map(|()| {
        let event = event.clone();
        on_thread(move || {
            for n in 0..10 {
                _ = event.wait_blocking_timeout(MICROSECOND * n);
            }
            event.wait_blocking();
        })
    });
    let mut all = Vec::from(threads);
    for _ in 0..2 {
        all.push(tasks.spawn_waiting(wait(event.clone())).await);
    }
    event.set();
    join_all(all).await;
}

/// Two tasks throw a ball to and fro over two events.
pub(super) async fn stress(tasks: Tasks) {
    async fn player(mine: Arc<Event>, yours: Arc<Event>) {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            // Give up a few times first.
            for _ in 0..random.usize(..3) {
                dropped_after(random.usize(..3), mine.wait()).await;
            }
            mine.wait().await;
            assert!(mine.clear());
            assert!(yours.set());
        }
    }
    let (ping, pong) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let players = [tasks.spawn(player(ping.clone(), pong.clone())), tasks.spawn(player(pong.clone(), ping.clone()))];
    ping.set();
    join_all(players).await;
    assert!(ping.is_set() && !pong.is_set());
}
