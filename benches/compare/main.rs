//! Whole copies of the bench data set between real servers, beside other programs, in rounds: each round has every way
//! once, so that what else the machine does meets all of them alike. Prints medians and ratios as Markdown.
//!
//! `BACKFILL_BENCH_SCALE` (1) is the size, `BACKFILL_BENCH_ROUNDS` (3) the rounds, `BACKFILL_BENCH_FLAVOURS` the
//! families (`mariadb,mysql`). Programs of others are taken from PATH; what is not there is left out and said so.

mod data;
mod ground;
mod report;
mod watch;
mod ways;

use backfill::error::{Error, Kind, Result};
use backfill::schema::Flavour;
use ground::Ground;
use report::Report;
use std::path::Path;
use std::process::ExitCode;
use ways::WAYS;

fn main() -> ExitCode {
    // `cargo test --benches` and the like only want to know that it can be built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match FLAVOURS.into_iter().filter(|flavour| is_wanted(*flavour)).try_for_each(compare) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

const FLAVOURS: [Flavour; 2] = [Flavour::Mariadb, Flavour::Mysql];

fn is_wanted(flavour: Flavour) -> bool {
    let wanted = std::env::var("BACKFILL_BENCH_FLAVOURS").unwrap_or_default();
    wanted.is_empty() || wanted.split(',').any(|name| name.trim().eq_ignore_ascii_case(&flavour.to_string()))
}

fn compare(flavour: Flavour) -> Result<()> {
    let (scale, rounds): (f64, u32) =
        (number("BACKFILL_BENCH_SCALE", 1.0)?, number("BACKFILL_BENCH_ROUNDS", 3)?);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("bench-{}-{scale}", flavour.to_string().to_lowercase()));
    eprintln!("{flavour}: making the data set at scale {scale}");
    let ground = Ground::prepare(flavour, scale, kept)?;
    let mut report = Report::new(format!("{flavour}, scale {scale}, {rounds} rounds"));
    for round in 1..=rounds {
        for way in WAYS {
            if !way.is_there() {
                report.missing(way);
                continue;
            }
            ground.clear()?;
            let copied = way.copy(&ground).and_then(|cost| ground.check().map(|()| cost));
            if let Ok(cost) = &copied {
                eprintln!("{flavour}, round {round}: {}: {:.2} s", way.name(), cost.wall.as_secs_f64());
            }
            report.add(way, copied);
        }
    }
    println!("{report}");
    Ok(())
}

fn number<T: std::str::FromStr>(variable: &str, usual: T) -> Result<T> {
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => {
            text.parse().map_err(|_| Error::new(Kind::Config, format!("{variable} is no number")))
        }
        _ => Ok(usual),
    }
}
