//! `waitline-executor` alone: one dependency for tasks, time and the primitives.

use std::{sync::Arc, time::Duration};
use waitline_executor::{TaskGroup, run, run_blocking, sleep, sync::Queue};

fn main() {
    let sum: u32 = run(async {
        let queue = Arc::new(Queue::bounded(2));
        let mut producers = TaskGroup::new();
        for n in 0..4 {
            let queue = queue.clone();
            producers.spawn(async move {
                sleep(Duration::from_millis(1)).await;
                queue
                    .put(run_blocking(move || n * n).await.expect("it does not panic"))
                    .await
                    .expect("nobody closes it")
            });
        }
        let mut sum = 0;
        for _ in 0..4 {
            sum += queue.get().await.expect("nobody closes it");
        }
        producers.join_all().await.expect("no producer panics");
        sum
    });
    assert_eq!(sum, 14);
    println!("waitline-executor stands alone");
}
