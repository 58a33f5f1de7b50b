//! Sixty requests, and one that is slow, to a service on this machine that allows four at a time and one hundred in a second.

use api_client::{Client, Limits, http};
use std::time::{Duration, Instant};
use waitline_executor::{gather, run, spawn};

const LIMITS: Limits = Limits {
    at_a_time: 4,
    burst: 20,
    period: Duration::from_millis(10),
    patience: Duration::from_millis(250),
    tries: 3,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (service, seen) = http::serve(Duration::from_millis(5))?;
    let begin = Instant::now();
    let answers = run(async {
        let client = Client::new(http::at(service), LIMITS);
        let refill = spawn(client.clone().refill());
        let paths = (0..60).map(|n| format!("/item/{n}")).chain(["/slow".to_owned()]);
        let answers = gather(paths.map(|path| {
            let client = client.clone();
            async move { client.get(&path).await }
        }))
        .await;
        refill.cancel();
        answers
    });
    let answered = answers.iter().flatten().count();
    println!(
        "{answered} of {} answered in {:.1} s; {} requests, at most {} at a time",
        answers.len(),
        begin.elapsed().as_secs_f64(),
        seen.total(),
        seen.most_at_a_time()
    );
    answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(())
}
