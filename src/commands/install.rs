//! `backfill install --print-config`.

use super::Context;
use crate::config::template;
use crate::error::Result;
use clap::Args;

/// Options of `install`.
#[derive(Debug, Clone, Default, Args)]
pub struct InstallArgs {
    /// Print the commented backfill.toml
    #[arg(long, required = true)]
    pub print_config: bool,
}

/// Prints the commented configuration.
///
/// # Errors
/// `Internal` when stdout cannot be written.
pub fn run(args: &InstallArgs, context: &Context) -> Result<()> {
    debug_assert!(args.print_config, "the command line demands it");
    context.screen.raw(template().as_bytes())
}
