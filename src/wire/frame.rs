//! Dump stream.
