//! The production side: a read-only half, and the workspace, the only writer on the source server.
