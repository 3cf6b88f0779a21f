//! What a process uses while it runs: processor time and the most memory, as the kernel tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a process used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Seconds of processors, in the program and in the kernel for it.
    pub cpu: f64,
    /// Most resident memory, MiB.
    pub peak_mib: u64,
}

/// Clock ticks of `/proc`, which are hundredths of a second on every Linux.
const TICKS: f64 = 100.0;
const PAUSE: Duration = Duration::from_millis(20);

/// Looks at a process until it ends or [`Watch::end`].
#[derive(Debug)]
pub struct Watch {
    id: u32,
    last: Arc<Mutex<Usage>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to look at the process.
    pub fn over(id: u32) -> Self {
        let (last, over) = (Arc::new(Mutex::new(Usage::default())), Arc::new(AtomicBool::new(false)));
        let begun = usage(id).unwrap_or_default().cpu;
        let thread = std::thread::spawn({
            let (last, over) = (Arc::clone(&last), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Acquire) {
                    let Some(now) = usage(id) else { return };
                    *last.lock().unwrap_or_else(PoisonError::into_inner) =
                        Usage { cpu: now.cpu - begun, ..now };
                    std::thread::sleep(PAUSE);
                }
            }
        });
        Self { id, last, over, thread: Some(thread) }
    }

    /// What it has used by now, or had at the last look before it ended.
    pub fn end(mut self) -> Usage {
        self.stop();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the watch over process {} ended early", self.id);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a process that lives has used since it began.
pub fn usage(id: u32) -> Option<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").trim().parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the name, which may have spaces: the 14th and 15th field of all.
    let ticks: Vec<f64> = stat
        .rsplit(')')
        .next()?
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse().ok())
        .collect();
    Some(Usage { cpu: ticks.iter().sum::<f64>() / TICKS, peak_mib: peak_kib / 1024 })
}
