//! The results of one group: printed as they come, and written as a whole to `GROUP.md`, with the charts in `GROUP/`.
//!
//! A committed page shows two charts at most, since its tables have all the figures; the other charts go to the folder of
//! looks.

use super::{Folders, Options, chart, machine, table::Table};
use std::{fs, path::Path};

/// The workloads whose charts are committed: those of the front page, and one or two for each page.
const SHOWN: &[&str] = &[
    "lock: 256 tasks, one thread, a yield inside",
    "lock: 64 tasks, two workers, an empty section",
    "sem: 64 tasks over 3 permits, one thread",
    "sem: 64 tasks over 3 permits, two workers",
    "event: full cycle, 100 waiters",
    "barrier: rounds of 64 tasks, one thread",
    "queue: 4x4, one thread, capacity 16, 8 bytes",
    "queue: 4x4, two workers, capacity 16, 8 bytes",
    "executor: spawn and join 100,000 tasks, one thread, per task",
    "executor: ping-pong through queues, two workers, per round trip",
];

pub(super) struct Page<'a> {
    folders: &'a Folders,
    name: &'a str,
    header: String,
    /// A line for each workload.
    summary: String,
    tables: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(folders: &'a Folders, name: &'a str, options: &Options) -> Self {
        Page { folders, name, header: machine::header(name, options), summary: String::new(), tables: String::new() }
    }

    /// A page for workloads. The charts of an earlier run go away.
    pub(super) fn with_charts(folders: &'a Folders, name: &'a str, options: &Options) -> Result<Self, String> {
        for charts in [folders.pages.join(name), folders.other_charts.join(name)] {
            _ = fs::remove_dir_all(&charts);
            fs::create_dir_all(&charts).map_err(|error| cannot_write(&charts, &error))?;
        }
        Ok(Self::new(folders, name, options))
    }

    /// Adds text at the end.
    pub(super) fn add(&mut self, markdown: &str) {
        println!("{markdown}");
        self.tables += markdown;
        self.tables += "\n";
    }

    /// Adds the table of a workload, draws its chart, and shows the chart if it lies beside the page.
    pub(super) fn add_measured(&mut self, table: &Table) -> Result<(), String> {
        self.add(&table.to_string());
        self.summary += &table.summary();
        self.summary += "\n";
        let chart = format!("{}/{}.svg", self.name, table.file_name());
        let Folders { pages, other_charts } = self.folders;
        let shown = pages == other_charts || SHOWN.contains(&table.name.as_str());
        let path = if shown { pages } else { other_charts }.join(&chart);
        fs::write(&path, chart::svg(table)?).map_err(|error| cannot_write(&path, &error))?;
        if shown {
            self.tables += &format!("![{}]({chart})\n\n", table.name);
        }
        Ok(())
    }

    pub(super) fn write(self) -> Result<(), String> {
        let Page { folders, name, header, mut summary, tables } = self;
        if !summary.is_empty() {
            let head = "| workload | waitline | best peer | ratio |\n|---|---:|---|---:|\n";
            summary = format!("## {name} at a glance\n\n{head}{summary}\n");
            println!("{summary}");
        }
        let path = folders.pages.join(name).with_extension("md");
        fs::create_dir_all(&folders.pages)
            .and_then(|()| fs::write(&path, header + &summary + &tables))
            .map_err(|error| cannot_write(&path, &error))?;
        eprintln!("written: {}", path.display());
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::SHOWN;
    use crate::{Effort, Group};

    #[test]
    fn a_page_shows_one_chart_or_two_and_each_is_of_a_workload() {
        let mut found = 0;
        for group in Group::ALL {
            let shown = (group.workloads)(Effort::Full).iter().filter(|it| SHOWN.contains(&it.name.as_str())).count();
            assert!((1..=2).contains(&shown), "{}: {shown}", group.name);
            found += shown;
        }
        assert_eq!(found, SHOWN.len());
    }
}
