//! Throwaway MariaDB and MySQL servers for the demo, tests and benches, and a small shop to put into them.
//!
//! A [`Server`] is a private instance: a data folder of its own, a port that the kernel picked, only on
//! 127.0.0.1, an account `sandbox` without a password that may do everything. It is gone with its value, and with
//! our process. Programs are taken from `PATH` or from where `fetch-servers.sh` unpacked them; whoever has servers
//! already names them in `BACKFILL_TEST_MARIADB_URL` and `BACKFILL_TEST_MYSQL_URL`.

mod folder;
mod mariadb;
mod mysql;
mod program;
mod server;
pub mod shop;
mod template;

pub use server::{Options, Server};

use crate::schema::Flavour;

/// The account of a private instance.
const USER: &str = "sandbox";

/// Makes [`USER`]; the server's own root only answers at the socket, as name lookup is off.
const ACCOUNT: &str =
    "CREATE USER 'sandbox'@'%' IDENTIFIED BY '';\nGRANT ALL ON *.* TO 'sandbox'@'%' WITH GRANT OPTION;\n";

/// The environment variable that names a server to use instead of a private one.
fn variable(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Mariadb => "BACKFILL_TEST_MARIADB_URL",
        Flavour::Mysql => "BACKFILL_TEST_MYSQL_URL",
    }
}

/// What to do where no server can be had.
fn way_out(flavour: Flavour) -> String {
    format!(
        "run `make servers` in backfill's source folder, install {flavour} so that it is on PATH, or set {}=mysql://user:password@host:port",
        variable(flavour)
    )
}
