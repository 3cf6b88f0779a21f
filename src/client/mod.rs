//! Talks to a backfill server and feeds the target.
