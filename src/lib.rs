//! backfill: a safe copy of production for developers.
//!
//! Data flows one way. On the server: `cli -> config -> plan -> workspace -> rows -> batches -> frames -> http`.
//! On the client: `cli -> config -> fetch -> check -> load -> swap -> state`. The two meet in [`wire`] only.
//!
//! - pure, without sockets, files, clocks or randomness: [`schema`], [`sql`], [`plan`], [`wire`], [`scan`],
//!   [`detect`], [`glob`];
//! - databases: [`db`] (connections), [`source`] (reads production, writes only to its workspace),
//!   [`target`] (the only writer of the developer's database);
//! - network: [`server`], [`client`];
//! - files: [`spill`] (what does not fit into memory);
//! - around them: [`config`], [`install`] (files of a new side), [`commands`] (one verb each), [`ui`] (the only writer
//!   to the terminal),
//!   [`sandbox`] (throwaway database servers for the demo, tests and benches).
//!
//! Invariants, each held by types and tests:
//! 1. Source tables are only read; what writes on the source's server cannot be built for anything but a workspace.
//! 2. One run is one plan and one workspace.
//! 3. No value of a ruled column leaves unsanitized: the encoder takes only tables that are unruled or sanitized.
//! 4. A stream without an end frame whose counts and digest hold is a failed stream.
//! 5. Chunks of a table are complete and disjoint.
//! 6. A warning while loading is an error.
//! 7. The target's tables are replaced in one statement or not at all; state is written last, atomically.

pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod db;
pub mod detect;
pub mod error;
pub mod fault;
pub mod glob;
pub mod install;
pub mod plan;
pub mod random;
pub mod sandbox;
pub mod scan;
pub mod schema;
pub mod secret;
pub mod server;
pub mod source;
pub mod spill;
pub mod sql;
pub mod target;
pub mod ui;
pub mod wire;
