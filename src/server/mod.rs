//! Hands out dumps over HTTP.
