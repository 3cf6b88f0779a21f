//! Hands out dumps over HTTP.
//!
//! - [`gate`]: the only code that faces the network; reads and checks one request per connection.
//! - [`http`]: answers what the gate lets through; streams and long polls run on threads of their own.
//! - [`auth`]: who may ask.
//! - [`net`]: file limits and request ids.

mod answer;
pub mod auth;
pub mod gate;
pub mod http;
pub mod net;
mod slots;
