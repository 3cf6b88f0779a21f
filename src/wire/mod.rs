//! What server and client agree on: requests, answers, the manifest, the dump stream. The only module that both
//! import. Everything here is versioned by [`PROTOCOL`]; what is read is checked before it is trusted.

pub mod api;
pub mod frame;
pub mod manifest;
pub mod moment;

/// Version of the HTTP API, sent and checked as the header `Backfill-Protocol`; a missing header means 1.
pub const PROTOCOL: u32 = 1;

/// Name of the header that carries [`PROTOCOL`].
pub const PROTOCOL_HEADER: &str = "Backfill-Protocol";
