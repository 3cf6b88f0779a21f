//! How a pull shows where it is: bars on a terminal, plain lines elsewhere.

use super::Screen;
use super::format::{count, plain, plural, shortened};
use crate::client::Progress;
use indicatif::{HumanFloatCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);
/// How often lines tell how far loading is.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Longest text beside a bar, in characters.
const MESSAGE_CHARS_MAX: usize = 60;

/// Shows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: u32, _: u32, _: &str) {}
    fn loading(&self, _: u64) {}
    fn server(&self, _: &str) {}
    fn rows(&self, _: &str, _: i64) {}
    fn table_done(&self, _: &str, _: u64) {}
    fn loaded(&self) {}
    fn note(&self, _: &str) {}
}

/// A spinner for the step, a bar for the rows.
#[derive(Debug)]
pub struct TerminalProgress {
    bars: MultiProgress,
    step: ProgressBar,
    rows: Mutex<Option<ProgressBar>>,
}

impl TerminalProgress {
    /// Draws into `bars`.
    #[must_use]
    pub fn new(bars: MultiProgress) -> Self {
        let step = bars.add(ProgressBar::new_spinner());
        step.set_style(style("{spinner} {msg}"));
        step.enable_steady_tick(TICK);
        Self { bars, step, rows: Mutex::new(None) }
    }

    fn with_rows(&self, act: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.rows.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            act(bar);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Progress for TerminalProgress {
    fn step(&self, number: u32, of: u32, what: &str) {
        self.step.set_message(format!("[{number}/{of}] {}", plain(what)));
    }

    fn loading(&self, rows_estimate: u64) {
        let bar = self.bars.add(ProgressBar::new(rows_estimate));
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Nothing is left to tell when the bar cannot be drawn.
            let _ = write!(out, "{}", HumanFloatCount(state.per_sec().round()));
        };
        bar.set_style(
            style("  {bar:30} {human_pos} of ~{human_len} rows, {rate}/s  {wide_msg}").with_key("rate", rate),
        );
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn server(&self, what: &str) {
        self.with_rows(|bar| bar.set_message(shortened(&plain(what), MESSAGE_CHARS_MAX)));
    }

    fn rows(&self, _table: &str, rows: i64) {
        self.with_rows(|bar| {
            if rows < 0 {
                bar.set_position(bar.position().saturating_sub(rows.unsigned_abs()));
            } else {
                bar.inc(rows.unsigned_abs());
            }
            // Estimates are often too low; a bar beyond its end would look finished.
            if bar.length().is_some_and(|length| bar.position() > length) {
                bar.set_length(bar.position());
            }
        });
    }

    fn table_done(&self, table: &str, rows: u64) {
        tracing::debug!(table, rows, "loaded");
    }

    fn loaded(&self) {
        if let Some(bar) = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    fn note(&self, text: &str) {
        self.bars.suspend(|| {
            use std::io::Write;
            let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
        });
    }
}

impl Drop for TerminalProgress {
    fn drop(&mut self) {
        self.loaded();
        self.step.finish_and_clear();
    }
}

/// One line per step and table, and one every ten seconds while rows arrive.
#[derive(Debug)]
pub struct LineProgress {
    screen: Screen,
    rows: AtomicU64,
    estimate: AtomicU64,
    next_line: Mutex<Instant>,
}

impl LineProgress {
    /// Writes to `screen`'s stderr.
    #[must_use]
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            rows: AtomicU64::new(0),
            estimate: AtomicU64::new(0),
            next_line: Mutex::new(Instant::now() + LINE_EVERY),
        }
    }
}

impl Progress for LineProgress {
    fn step(&self, number: u32, of: u32, what: &str) {
        self.screen.note(&format!("STEP {number} of {of}: {what}"));
    }

    fn loading(&self, rows_estimate: u64) {
        self.estimate.store(rows_estimate, Ordering::Relaxed);
    }

    fn server(&self, what: &str) {
        tracing::debug!(server = what);
    }

    fn rows(&self, _table: &str, rows: i64) {
        let before = if rows < 0 {
            self.rows.fetch_sub(rows.unsigned_abs(), Ordering::Relaxed)
        } else {
            self.rows.fetch_add(rows.unsigned_abs(), Ordering::Relaxed)
        };
        let Ok(mut next) = self.next_line.try_lock() else { return };
        let now = Instant::now();
        if now >= *next {
            *next = now + LINE_EVERY;
            let estimate = self.estimate.load(Ordering::Relaxed);
            self.screen.note(&format!("  {} of ~{} rows", count(before), count(estimate.max(before))));
        }
    }

    fn table_done(&self, table: &str, rows: u64) {
        self.screen.note(&format!("  {table}: {}", plural(rows, "row")));
    }

    fn loaded(&self) {}

    fn note(&self, text: &str) {
        self.screen.note(text);
    }
}
