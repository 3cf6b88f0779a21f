//! One verb each: configuration in, result out.

pub mod cleanup;
pub mod demo;
pub mod install;
pub mod plan;
pub mod pull;
mod rules;
pub mod scan;
pub mod serve;
pub mod status;

use crate::config::{Config, Overrides, Sources};
use crate::error::Result;
use crate::ui::Screen;
use std::path::PathBuf;

/// What every command is given besides its own options.
#[derive(Debug)]
pub struct Context {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--env-file`.
    pub env_file: Option<PathBuf>,
    /// The terminal.
    pub screen: Screen,
}

impl Context {
    /// Reads the configuration, with these settings of the command line above it.
    ///
    /// # Errors
    /// `Config` as [`Config::load`].
    pub fn load(&self, overrides: Overrides) -> Result<Config> {
        Config::load(Sources::of_process(self.config.clone(), self.env_file.clone(), overrides)?)
    }
}
