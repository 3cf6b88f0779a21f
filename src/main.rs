//! The `backfill` program: parse, run, print the one error, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    backfill::cli::main()
}
