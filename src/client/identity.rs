//! What a database is called in the state file: whatever stays the same for as long as it is the same database, and
//! nothing that lets anybody in.

use crate::db::Endpoint;
use crate::db::flavour::ServerFacts;
use crate::wire::manifest::Manifest;

/// The database that a manifest comes from. A cluster's nodes are one; a server without an id goes by its own name for
/// its machine.
pub(super) fn source(manifest: &Manifest) -> String {
    let identity = &manifest.identity;
    let ids = [&identity.cluster_id, &identity.server_uuid, &identity.server_uid];
    let server = match ids.into_iter().flatten().find(|id| !id.is_empty()) {
        Some(id) => id.clone(),
        None => format!("{}:{}", identity.hostname, identity.port),
    };
    format!("{server}/{}", manifest.database)
}

/// The database that is pulled into. MySQL's id lives in its data directory; MariaDB's changes with every new container
/// that mounts it, so there the address has to do (what was changed behind it shows in the tables' fingerprints).
pub(super) fn target(facts: &ServerFacts, endpoint: &Endpoint) -> String {
    match &facts.server_uuid {
        Some(id) => format!("{id}/{}", endpoint.database),
        None => endpoint.describe(),
    }
}
