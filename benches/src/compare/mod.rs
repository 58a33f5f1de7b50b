//! The peers of a workload take turns in short rounds of one process, in rotating order, so that a machine that drifts
//! (frequency, neighbours) drifts under all of them alike. Reported are medians over the rounds, and ratios.
//!
//! | file | job |
//! |---|---|
//! | `turns.rs` | the rounds, in a process for each workload, which says at each step what it does |
//! | `watch.rs` | the parent: collects the samples, and runs a workload again without a peer that stalls or dies |
//! | `table.rs`, `chart.rs` | a workload's figures as Markdown and as SVG |
//! | `page.rs` | the results of a group, on screen and in files |
//! | `machine.rs` | on what, and with which versions |

mod chart;
mod machine;
mod page;
mod table;
mod turns;
mod watch;

use crate::{Effort, Group, memory};
use page::Page;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use turns::turns;

/// What `compare` is to do.
#[derive(Debug)]
pub struct Options {
    /// One group's name, `memory`, or everything.
    pub group: Option<String>,
    /// How long.
    pub effort: Effort,
    /// Only the workloads with this in their names.
    pub only: String,
    /// The folder for all results.
    pub to: Option<PathBuf>,
    /// A peer that takes longer over one round is given up. By default after 5 s if the effort is quick, else after 20 s.
    pub patience: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Options { group: None, effort: Effort::Full, only: String::new(), to: None, patience: None }
    }
}

impl Options {
    fn patience(&self) -> Duration {
        self.patience.unwrap_or(Duration::from_secs(if self.effort == Effort::Quick { 5 } else { 20 }))
    }

    /// Complete results go where they are committed, but for most charts; a look goes to a folder that git ignores.
    fn folders(&self) -> Folders {
        if let Some(folder) = &self.to {
            return Folders::all_in(folder.clone());
        }
        let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
        let looks = benches.with_file_name("bench-results");
        if self.effort == Effort::Full && self.only.is_empty() {
            Folders { pages: benches.join("results"), other_charts: looks }
        } else {
            Folders::all_in(looks)
        }
    }

    fn groups(&self) -> Result<Vec<Group>, String> {
        match self.group.as_deref() {
            None => Ok(Group::ALL.to_vec()),
            Some(memory::NAME) => Ok(Vec::new()),
            Some(name) => {
                let known = || Group::ALL.map(|group| group.name).join(", ");
                let group = Group::named(name);
                Ok(vec![group.ok_or_else(|| format!("no group {name:?}; there are {}, {}", known(), memory::NAME))?])
            }
        }
    }
}

/// Where the results go.
struct Folders {
    /// The pages, with the charts that they show.
    pages: PathBuf,
    /// The charts that the pages do not show. If it is the folder of the pages, there are none.
    other_charts: PathBuf,
}

impl Folders {
    fn all_in(folder: PathBuf) -> Self {
        Folders { other_charts: folder.clone(), pages: folder }
    }
}

/// Compares, prints a table per workload, and writes a page per group and a chart per workload.
///
/// # Errors
///
/// If there is no such group, the results cannot be written, or the processes that measure cannot be started. A peer that
/// fails is no error: its row says so.
pub fn compare(options: &Options) -> Result<(), String> {
    let folders = options.folders();
    for group in options.groups()? {
        let mut page = Page::with_charts(&folders, group.name, options)?;
        for (index, workload) in (group.workloads)(options.effort).iter().enumerate() {
            if workload.name.contains(&options.only) {
                let table = watch::measure(group, index, workload, options)?;
                page.add_measured(&table)?;
            }
        }
        page.write()?;
    }
    if options.group.as_deref().is_none_or(|name| name == memory::NAME) {
        let mut page = Page::new(&folders, memory::NAME, options);
        memory::tables().iter().for_each(|table| page.add(&table.to_string()));
        page.write()?;
    }
    Ok(())
}
