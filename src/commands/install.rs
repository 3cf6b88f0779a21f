//! `backfill install --print-config`.

use super::Context;
use crate::cli::InstallArgs;
use crate::config::template;
use crate::error::Result;

/// Prints the commented configuration.
///
/// # Errors
/// `Internal` when stdout cannot be written.
pub fn run(args: &InstallArgs, context: &Context) -> Result<()> {
    debug_assert!(args.print_config, "the command line demands it");
    context.screen.raw(template().as_bytes())
}
