//! Hands out dumps over HTTP.
//!
//! The network:
//! - [`gate`]: the only code that faces it; reads and checks one request per connection.
//! - [`http`]: answers what the gate lets through; streams and long polls run on threads of their own.
//! - [`auth`]: who may ask. [`net`]: file limits and request ids.
//!
//! The endpoints and the work behind them:
//! - [`service`]: which request gets which answer. [`catalog`]: what there is and what the rules make of it.
//!   [`undecided`]: columns that nobody has decided about. [`told`]: what the log has said.
//! - [`runs`], [`run`]: which runs are alive, how far each is. [`work`]: copies and reads, on [`permits`].
//!   `ending`: what is told of a failed one.
//!   `limits`: which rows of a table. `order`: what of a run comes when.
//! - [`references`]: whether the rows fit together.
//! - [`leak`]: whether what is sent without a rule holds personal data.
//! - [`checkpoint`]: how far a table was read for sure.
//! - [`encode`]: rows to frames, read in `steps`; `dumpable`: of which tables; `passage`: what each row
//!   passes; `proof`: masks looked at on the way. [`spool`]: where frames wait. [`stream`]: sends them.

mod answer;
pub mod auth;
pub mod catalog;
pub mod checkpoint;
mod copies;
mod digest;
mod dumpable;
pub mod encode;
mod ending;
pub mod explain;
pub mod gate;
pub mod http;
pub mod leak;
mod limits;
pub mod net;
mod order;
mod passage;
pub mod permits;
mod proof;
pub mod references;
pub mod run;
pub mod runs;
pub mod service;
mod slots;
pub mod spool;
mod steps;
pub mod stream;
pub mod told;
pub mod undecided;
pub mod work;
