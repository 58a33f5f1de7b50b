//! The figures of one workload.

use std::fmt;

/// What came of a peer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Nanoseconds per operation over the rounds: the lower quartile, the median, the upper quartile.
    Measured([f64; 3]),
    /// It panicked, stalled or died.
    Failed(String),
}

impl Outcome {
    /// The quartiles of the samples.
    pub(super) fn of(mut samples: Vec<f64>) -> Self {
        if samples.is_empty() {
            return Outcome::Failed("not measured".to_owned());
        }
        samples.sort_by(f64::total_cmp);
        Outcome::Measured([0.25, 0.5, 0.75].map(|part| {
            let place = part * (samples.len() - 1) as f64;
            let (below, above) = (samples[place.floor() as usize], samples[place.ceil() as usize]);
            below + (above - below) * place.fract()
        }))
    }
}

/// A workload's figures, best peer first, those that failed last.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) rows: Vec<(String, Outcome)>,
}

/// A peer's kind shows in its name. A pair is ours if the primitive and the executor are.
pub(super) fn is_ours(peer: &str) -> bool {
    peer.split(" on ").all(|part| part.starts_with("waitline"))
}

pub(super) fn is_limit(peer: &str) -> bool {
    peer.starts_with("limit: ")
}

impl Table {
    pub(super) fn new(name: String, mut rows: Vec<(String, Outcome)>) -> Self {
        rows.sort_by(|(_, a), (_, b)| median(a).total_cmp(&median(b)));
        Table { name, rows }
    }

    /// The name as a file's.
    pub(super) fn file_name(&self) -> String {
        let words = self.name.replace('µ', "u").to_lowercase();
        let words = words.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', " ");
        words.split_whitespace().collect::<Vec<_>>().join("-")
    }

    /// The unit in which the best figure has one to three digits before the point, and what to divide nanoseconds by.
    pub(super) fn unit(&self) -> (&'static str, f64) {
        match self.rows.first().map_or(0.0, |(_, outcome)| median(outcome)) {
            ..1e3 => ("ns", 1.0),
            1e3..1e6 => ("µs", 1e3),
            1e6..1e9 => ("ms", 1e6),
            _ => ("s", 1e9),
        }
    }

    /// The best that is neither ours nor a limit, and its median.
    fn best_rival(&self) -> Option<(&str, f64)> {
        self.best(|peer| !is_ours(peer) && !is_limit(peer))
    }

    /// The best peer of a kind, unless all of them failed.
    fn best(&self, kind: impl Fn(&str) -> bool) -> Option<(&str, f64)> {
        let (peer, outcome) = self.rows.iter().find(|(peer, _)| kind(peer))?;
        Some((peer.as_str(), median(outcome))).filter(|(_, median)| median.is_finite())
    }

    /// One line of Markdown: our best, the best peer, and the ratio.
    pub(super) fn summary(&self) -> String {
        let (unit, scale) = self.unit();
        let (ours, rival) = (self.best(is_ours), self.best_rival());
        let text = |median: f64| format!("{} {unit}", figure(median / scale));
        let our_text = ours.map_or("–".to_owned(), |(_, median)| text(median));
        let rival_text = rival.map_or("–".to_owned(), |(peer, median)| format!("{peer}: {}", text(median)));
        let ratio = ours.zip(rival).map_or("–".to_owned(), |((_, ours), (_, rival))| format!("{:.2}", ours / rival));
        format!("| {} | {our_text} | {rival_text} | {ratio} |", self.name)
    }
}

/// Infinite if it failed.
fn median(outcome: &Outcome) -> f64 {
    match outcome {
        Outcome::Measured([_, median, _]) => *median,
        Outcome::Failed(_) => f64::INFINITY,
    }
}

/// Three digits, or more before the point.
pub(super) fn figure(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// As Markdown. The ratio is to the best peer: where we win, ours is below 1.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = self.unit();
        writeln!(f, "### {}\n", self.name)?;
        writeln!(f, "| peer | median {unit} | of the best peer | quartiles |\n|---|---:|---:|---|")?;
        let best = self.best_rival();
        for (peer, outcome) in &self.rows {
            let peer = if is_ours(peer) { format!("**{peer}**") } else { peer.to_string() };
            match outcome {
                Outcome::Measured(quartiles) => {
                    let ratio = best.map_or("–".to_owned(), |(_, best)| format!("{:.2}", quartiles[1] / best));
                    let [low, median, high] = quartiles.map(|value| figure(value / scale));
                    writeln!(f, "| {peer} | {median} | {ratio} | {low} – {high} |")?;
                }
                Outcome::Failed(why) => writeln!(f, "| {peer} | – | – | {} |", why.replace('|', "/"))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Table};

    #[test]
    fn quartiles_of_few_samples_lie_between_them() {
        assert_eq!(Outcome::of(vec![3.0, 1.0, 2.0]), Outcome::Measured([1.5, 2.0, 2.5]));
        assert_eq!(Outcome::of(vec![7.0]), Outcome::Measured([7.0; 3]));
        assert!(matches!(Outcome::of(Vec::new()), Outcome::Failed(_)));
    }

    #[test]
    fn ratios_are_to_the_best_that_is_neither_ours_nor_a_limit() {
        let measured = |median: f64| Outcome::Measured([median * 0.9, median, median * 1.1]);
        let rows = vec![
            ("stalls", Outcome::Failed("stalled | for ever".to_owned())),
            ("slow", measured(4000.0)),
            ("waitline", measured(1500.0)),
            ("limit: a load", measured(1000.0)),
            ("waitline on a rival", measured(3000.0)),
            ("quick", measured(2000.0)),
        ];
        let rows = rows.into_iter().map(|(peer, outcome)| (peer.to_owned(), outcome)).collect();
        let table = Table::new("lock: 2 µs, 1x1".to_owned(), rows);
        assert_eq!(table.summary(), "| lock: 2 µs, 1x1 | 1.50 µs | quick: 2.00 µs | 0.75 |");
        let expected = "\
### lock: 2 µs, 1x1

| peer | median µs | of the best peer | quartiles |
|---|---:|---:|---|
| limit: a load | 1.00 | 0.50 | 0.90 – 1.10 |
| **waitline** | 1.50 | 0.75 | 1.35 – 1.65 |
| quick | 2.00 | 1.00 | 1.80 – 2.20 |
| waitline on a rival | 3.00 | 1.50 | 2.70 – 3.30 |
| slow | 4.00 | 2.00 | 3.60 – 4.40 |
| stalls | – | – | stalled / for ever |
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_file_name_has_plain_letters_only() {
        let table = Table::new("lock: 8 tasks, about 0.2 µs of work".to_owned(), Vec::new());
        assert_eq!(table.file_name(), "lock-8-tasks-about-0.2-us-of-work");
    }
}
