//! Sets of keys that are far larger than memory may be.
