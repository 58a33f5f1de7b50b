//! The results of one group: printed as they come, and written as a whole to `GROUP.md`, with the charts in `GROUP/`.

use super::{Options, chart, machine, table::Table};
use std::{fs, path::Path};

pub(super) struct Page<'a> {
    folder: &'a Path,
    name: &'a str,
    header: String,
    /// A line for each workload.
    summary: String,
    tables: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(folder: &'a Path, name: &'a str, options: &Options) -> Self {
        Page { folder, name, header: machine::header(name, options), summary: String::new(), tables: String::new() }
    }

    /// A page for workloads. The charts of an earlier run go away.
    pub(super) fn with_charts(folder: &'a Path, name: &'a str, options: &Options) -> Result<Self, String> {
        let charts = folder.join(name);
        _ = fs::remove_dir_all(&charts);
        fs::create_dir_all(&charts).map_err(|error| cannot_write(&charts, &error))?;
        Ok(Self::new(folder, name, options))
    }

    /// Adds text at the end.
    pub(super) fn add(&mut self, markdown: &str) {
        println!("{markdown}");
        self.tables += markdown;
        self.tables += "\n";
    }

    /// Adds the table of a workload, with its chart.
    pub(super) fn add_measured(&mut self, table: &Table) -> Result<(), String> {
        self.add(&table.to_string());
        self.summary += &table.summary();
        self.summary += "\n";
        let chart = format!("{}/{}.svg", self.name, table.file_name());
        let path = self.folder.join(&chart);
        fs::write(&path, chart::svg(table)?).map_err(|error| cannot_write(&path, &error))?;
        self.tables += &format!("![{}]({chart})\n\n", table.name);
        Ok(())
    }

    pub(super) fn write(self) -> Result<(), String> {
        let Page { folder, name, header, mut summary, tables } = self;
        if !summary.is_empty() {
            let head = "| workload | waitline | best peer | ratio |\n|---|---:|---|---:|\n";
            summary = format!("## {name} at a glance\n\n{head}{summary}\n");
            println!("{summary}");
        }
        let path = folder.join(name).with_extension("md");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, header + &summary + &tables))
            .map_err(|error| cannot_write(&path, &error))?;
        eprintln!("written: {}", path.display());
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
