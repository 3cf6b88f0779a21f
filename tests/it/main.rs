//! Integration tests: real servers of both families, the real binary, and an oracle made of SQL.
//!
//! One binary starts the servers once and stops them at the end; each test works in schemas of its own. A server
//! that cannot be had is a failure, never a skip.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arch;

mod directions;
mod fixture;
mod harness;
mod oracle;
mod srv_api;
mod srv_http;
mod srv_kill;
mod srv_leak;
mod srv_locks;
mod srv_memory;
mod srv_rights;
mod srv_safety;
mod srv_sanitize;

use harness::Servers;
use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(None)).exit_code();
    }
    // On this thread: the servers die with it.
    let servers = match Servers::start() {
        Ok(servers) => Arc::new(servers),
        Err(error) => {
            eprintln!("the tests need a MariaDB and a MySQL: {error:?}\nrun `make test`, which fetches both");
            return ExitCode::FAILURE;
        }
    };
    let conclusion = libtest_mimic::run(&arguments, trials(Some(&servers)));
    drop(servers);
    conclusion.exit_code()
}

/// All tests; without servers only their names are good for anything.
fn trials(servers: Option<&Arc<Servers>>) -> Vec<Trial> {
    let mut trials = arch::trials();
    let mut add = |name: String, test: harness::Test| {
        let servers = servers.cloned();
        trials.push(Trial::test(name, move || {
            let servers = servers.ok_or("no servers")?;
            test(&servers);
            Ok(())
        }));
    };
    directions::tests(&mut add);
    srv_api::tests(&mut add);
    srv_kill::tests(&mut add);
    srv_leak::tests(&mut add);
    srv_locks::tests(&mut add);
    srv_memory::tests(&mut add);
    srv_rights::tests(&mut add);
    srv_safety::tests(&mut add);
    srv_sanitize::tests(&mut add);

    trials
}
