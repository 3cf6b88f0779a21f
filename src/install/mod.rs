//! Setting up one side. What is to be written is decided first and is pure: [`env_file`], [`toml_file`] and [`ignore`] turn
//! texts into texts, [`plan`] puts them together; [`files`] reads and writes. [`grants`] has what databases are told.

pub mod env_file;
pub mod files;
pub mod grants;
pub mod ignore;
pub mod lines;
pub mod plan;
pub mod toml_file;

/// Which of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Beside the production database: `serve`.
    Server,
    /// Where the copy goes: `pull`.
    Client,
}
