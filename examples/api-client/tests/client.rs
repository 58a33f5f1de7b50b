//! Against a service in this process, and in simulations.

use api_client::{Client, Error, Limits, http};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use waitline_executor::{gather, now, run, sim, sleep, spawn, timeout};

const LIMITS: Limits = Limits {
    at_a_time: 3,
    burst: 1000,
    period: Duration::from_millis(1),
    patience: Duration::from_secs(600),
    tries: 1,
};

#[test]
fn never_more_at_a_time_than_allowed() {
    let (service, seen) = http::serve(Duration::from_millis(1)).unwrap();
    let answers = run(async {
        let client = Client::new(http::at(service), LIMITS);
        let client = &client;
        gather((0..30).map(|n| async move { client.get(&format!("/{n}")).await.unwrap() })).await
    });
    assert!(answers.iter().enumerate().all(|(n, answer)| *answer == format!("answer to /{n}")));
    assert_eq!((seen.total(), seen.most_at_a_time()), (30, 3));
}

#[test]
fn no_more_than_the_bucket_holds_without_a_refill() {
    let (service, seen) = http::serve(Duration::ZERO).unwrap();
    run(async {
        let client = Client::new(http::at(service), Limits { burst: 5, ..LIMITS });
        for _ in 0..5 {
            client.get("/").await.unwrap();
        }
        assert!(timeout(Duration::from_millis(20), client.get("/")).await.is_err());
        assert_eq!(seen.total(), 5);
        let refill = spawn(client.clone().refill());
        client.get("/").await.unwrap();
        refill.cancel();
    });
}

#[test]
fn a_slow_answer_is_given_up_and_asked_for_again() {
    let (service, seen) = http::serve(Duration::from_millis(5)).unwrap();
    let limits = Limits { patience: Duration::from_millis(100), tries: 50, ..LIMITS };
    let answer = run(async { Client::new(http::at(service), limits).get("/slow").await });
    assert_eq!(answer.unwrap(), "answer to /slow");
    assert!(seen.total() >= 2);
}

#[test]
fn a_request_that_was_given_up_still_counts_while_it_runs() {
    let (service, seen) = http::serve(Duration::from_millis(10)).unwrap();
    let limits = Limits { at_a_time: 1, patience: Duration::ZERO, tries: 3, ..LIMITS };
    let answer = run(async { Client::new(http::at(service), limits).get("/").await });
    assert!(matches!(answer, Err(Error::TimedOut { tries: 3 })));
    assert!(seen.most_at_a_time() <= 1);
}

#[test]
fn a_service_that_is_not_there_is_an_error() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = run(async { Client::new(http::at(nobody), LIMITS).get("/").await });
    assert!(matches!(answer, Err(Error::Io(_))));
}

#[test]
fn in_every_schedule_the_rate_is_kept_and_no_permit_is_lost() {
    let period = Duration::from_secs(1);
    let limits = Limits { at_a_time: 2, burst: 3, period, tries: 1, ..LIMITS };
    sim::many(0..2000, || async move {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let seen = sent.clone();
        let ask = move |path: &str| {
            seen.lock().unwrap().push(now());
            Ok(path.to_owned())
        };
        let client = Client::new(ask, limits);
        let refill = spawn(client.clone().refill());
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let client = client.clone();
                let task = spawn(async move { client.get(&format!("/{n}")).await.unwrap() });
                if sim::chance(0.3) {
                    sim::cancel_at_random(&task);
                }
                task
            })
            .collect();
        let mut answered = 0;
        for (n, task) in tasks.into_iter().enumerate() {
            match task.await {
                Ok(answer) => {
                    assert_eq!(answer, format!("/{n}"));
                    answered += 1;
                }
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        // What was given up goes on by itself; all of it ends.
        sleep(period).await;
        assert_eq!(client.running(), 0);
        let sent = sent.lock().unwrap();
        assert!((answered..=12).contains(&sent.len()));
        for (first, begin) in sent.iter().enumerate() {
            for (last, end) in sent.iter().enumerate().skip(first) {
                let refilled = (*end - *begin).as_secs() as usize + 1;
                assert!(last - first < limits.burst + refilled, "{} requests in {:?}", last - first + 1, *end - *begin);
            }
        }
        refill.cancel();
    });
}
