//! Against a service in this process.

use api_client::{Client, Error, Limits, http};
use std::time::Duration;
use waitline_executor::{gather, run, spawn, timeout};

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
        let client = Client::new(service, LIMITS);
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
        let client = Client::new(service, Limits { burst: 5, ..LIMITS });
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
    let answer = run(async { Client::new(service, limits).get("/slow").await });
    assert_eq!(answer.unwrap(), "answer to /slow");
    assert!(seen.total() >= 2);
}

#[test]
fn a_request_that_was_given_up_still_counts_while_it_runs() {
    let (service, seen) = http::serve(Duration::from_millis(10)).unwrap();
    let limits = Limits { at_a_time: 1, patience: Duration::ZERO, tries: 3, ..LIMITS };
    let answer = run(async { Client::new(service, limits).get("/").await });
    assert!(matches!(answer, Err(Error::TimedOut { tries: 3 })));
    assert!(seen.most_at_a_time() <= 1);
}

#[test]
fn a_service_that_is_not_there_is_an_error() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = run(async { Client::new(nobody, LIMITS).get("/").await });
    assert!(matches!(answer, Err(Error::Io(_))));
}
