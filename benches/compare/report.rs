//! Medians and ratios, as a table in Markdown.

use crate::ways::{Cost, WAYS, Way};
use backfill::error::Result;
use std::fmt;

/// What all rounds on one family gave.
#[derive(Debug)]
pub struct Report {
    title: String,
    lines: Vec<(Way, Line)>,
}

#[derive(Debug, Default)]
struct Line {
    costs: Vec<Cost>,
    /// Why it has none.
    failure: Option<String>,
}

impl Report {
    /// Nothing yet.
    pub fn new(title: String) -> Self {
        Self { title, lines: WAYS.into_iter().map(|way| (way, Line::default())).collect() }
    }

    /// A way whose programs are not here.
    pub fn missing(&mut self, way: Way) {
        self.line(way).failure = Some("not installed".into());
    }

    /// What a copy took, or why there is none.
    pub fn add(&mut self, way: Way, copied: Result<Cost>) {
        let line = self.line(way);
        match copied {
            Ok(cost) => line.costs.push(cost),
            Err(error) => line.failure = Some(error.to_string()),
        }
    }

    fn line(&mut self, way: Way) -> &mut Line {
        let at = WAYS.iter().position(|known| *known == way).unwrap_or_default();
        &mut self.lines[at].1
    }
}

/// The one in the middle; of an even number the greater one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Line {
    fn median(&self, of: impl Fn(&Cost) -> f64) -> f64 {
        median(self.costs.iter().map(of).collect())
    }

    fn wall(&self) -> f64 {
        self.median(|cost| cost.wall.as_secs_f64())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(
            f,
            "| way | median | fastest | of mysqldump \\| mysql | CPU at the source, at the target | memory |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        let peer = self
            .lines
            .iter()
            .find(|(way, _)| *way == Way::Mysqldump)
            .map_or(f64::NAN, |(_, line)| line.wall());
        for (way, line) in &self.lines {
            if line.costs.is_empty() {
                let why = line.failure.as_deref().unwrap_or("not run");
                writeln!(f, "| {} | {why} | | | | |", way.name())?;
                continue;
            }
            let fastest = line.costs.iter().map(|cost| cost.wall.as_secs_f64()).fold(f64::INFINITY, f64::min);
            writeln!(
                f,
                "| {} | {:.1} s | {fastest:.1} s | {:.2}x | {:.1} s, {:.1} s | {:.0}, {:.0} MiB |",
                way.name(),
                line.wall(),
                line.wall() / peer,
                line.median(|cost| cost.server.cpu),
                line.median(|cost| cost.client.cpu),
                line.median(|cost| cost.server.peak_mib as f64),
                line.median(|cost| cost.client.peak_mib as f64),
            )?;
        }
        Ok(())
    }
}
