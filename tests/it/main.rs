//! Integration tests: real servers of both families, the real binary, and an oracle made of SQL.
//!
//! One binary starts the servers once and stops them at the end; each test works in schemas of its own. A server
//! that cannot be had is a failure, never a skip.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by a panic what does not hold; without libtest's attributes the lints cannot tell"
)]

mod arch;
mod between;
mod cases;
mod cli_bad_input;
mod cli_common;
mod cli_delta;
mod cli_hooks;
mod cli_install;
mod cli_install_checks;
mod cli_install_terminal;
mod cli_kill;
mod cli_leak;
mod cli_limits;
mod cli_memory;
mod cli_plan;
mod cli_proxy;
mod cli_scan;
mod cli_status;
mod cli_stream;
mod cli_target;
mod db_silence;
mod directions;
mod extent;
mod faults;
mod fixture;
mod harness;
mod leak_check;
mod literals;
mod masks;
mod masks_keyed;
mod masks_lists;
mod masks_more;
mod oracle;
mod proxy;
mod readme;
mod recover_kept;
mod recover_link;
mod recover_pull;
mod recover_resume;
mod review_leaks;
mod review_source;
mod review_target;
mod review_walk;
mod soak;
mod soak_writers;
mod srv_again;
mod srv_api;
mod srv_balancer;
mod srv_delta;
mod srv_delta_checkpoint;
mod srv_delta_references;
mod srv_grants;
mod srv_http;
mod srv_kill;
mod srv_leak;
mod srv_live;
mod srv_live_limits;
mod srv_live_masked;
mod srv_locks;
mod srv_memory;
mod srv_policy;
mod srv_replica;
mod srv_rights;
mod srv_safety;
mod srv_sanitize;
mod srv_select;
mod srv_subset;
mod srv_tables;
mod srv_unkeyed;
mod srv_watch;
mod subset;
mod subset_by_hand;
mod subset_cases;
mod subset_graph;
mod subset_limits;
mod subset_model;
mod subset_random;
mod subset_select;
mod subset_shape;
/// Builders of table structures, shared with the unit tests beside the planner.
#[allow(dead_code, reason = "each side uses a part of it")]
#[path = "../../src/plan/sanitize/fixture.rs"]
mod tables;
mod target_job;
mod target_known;
mod target_merge;
mod target_merge_kill;
mod target_unique;
mod thousands;
mod verify;
mod walk_random;

// The shared builders name the library's types from the crate root.
use backfill::schema;
use harness::Servers;
use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    // Some tests need a process that dies.
    if let Some(ended) = target_job::as_child() {
        return ended;
    }
    let mut arguments = Arguments::from_args();
    // Many tests wait: for a network that is away, a lock, a server that starts. So there are more of them than cores.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    arguments.test_threads.get_or_insert(5 * cores / 2);
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
    tell_slowest();
    conclusion.exit_code()
}

/// How long each test took that passed.
static TIMES: Mutex<Vec<(Duration, String)>> = Mutex::new(Vec::new());

/// Where the time of a whole run went.
fn tell_slowest() {
    let mut times = TIMES.lock().unwrap();
    if times.len() < 100 {
        return;
    }
    times.sort();
    println!("the slowest of {} tests:", times.len());
    times.iter().rev().take(25).for_each(|(time, name)| println!("{:6.1} s  {name}", time.as_secs_f64()));
}

/// All tests; without servers only their names are good for anything.
fn trials(servers: Option<&Arc<Servers>>) -> Vec<Trial> {
    let mut trials = arch::trials();
    trials.extend(readme::trials());
    trials.extend(subset_model::trials());
    trials.extend(subset_random::trials());
    let mut add = |name: String, test: harness::Test| {
        let (servers, of) = (servers.cloned(), name.clone());
        trials.push(Trial::test(name, move || {
            let servers = servers.ok_or("no servers")?;
            let begun = Instant::now();
            test(&servers);
            TIMES.lock().unwrap().push((begun.elapsed(), of));
            Ok(())
        }));
    };
    cases::tests(&mut add);
    db_silence::tests(&mut add);
    directions::tests(&mut add);
    faults::tests(&mut add);
    masks::tests(&mut add);
    masks_keyed::tests(&mut add);
    masks_lists::tests(&mut add);
    masks_more::tests(&mut add);
    review_leaks::tests(&mut add);
    review_source::tests(&mut add);
    review_target::tests(&mut add);
    review_walk::tests(&mut add);
    soak::tests(&mut add);
    srv_again::tests(&mut add);
    srv_api::tests(&mut add);
    srv_balancer::tests(&mut add);
    srv_delta::tests(&mut add);
    srv_delta_checkpoint::tests(&mut add);
    srv_delta_references::tests(&mut add);
    srv_grants::tests(&mut add);
    srv_kill::tests(&mut add);
    srv_leak::tests(&mut add);
    srv_live::tests(&mut add);
    srv_live_limits::tests(&mut add);
    srv_live_masked::tests(&mut add);
    srv_locks::tests(&mut add);
    srv_memory::tests(&mut add);
    srv_replica::tests(&mut add);
    srv_rights::tests(&mut add);
    srv_policy::tests(&mut add);
    srv_safety::tests(&mut add);
    srv_sanitize::tests(&mut add);
    srv_select::tests(&mut add);
    srv_tables::tests(&mut add);
    srv_unkeyed::tests(&mut add);
    srv_watch::tests(&mut add);
    srv_subset::tests(&mut add);
    cli_bad_input::tests(&mut add);
    cli_delta::tests(&mut add);
    cli_stream::tests(&mut add);
    cli_hooks::tests(&mut add);
    cli_kill::tests(&mut add);
    cli_install::tests(&mut add);
    cli_install_checks::tests(&mut add);
    cli_install_terminal::tests(&mut add);
    cli_leak::tests(&mut add);
    leak_check::tests(&mut add);
    literals::tests(&mut add);
    cli_limits::tests(&mut add);
    cli_memory::tests(&mut add);
    cli_plan::tests(&mut add);
    cli_status::tests(&mut add);
    cli_scan::tests(&mut add);
    cli_target::tests(&mut add);
    recover_kept::tests(&mut add);
    recover_pull::tests(&mut add);
    recover_resume::tests(&mut add);
    subset_cases::tests(&mut add);
    subset_random::tests(&mut add);
    subset_select::tests(&mut add);
    subset::tests(&mut add);
    target_merge::tests(&mut add);
    target_merge_kill::tests(&mut add);
    target_known::tests(&mut add);
    target_unique::tests(&mut add);
    thousands::tests(&mut add);
    verify::tests(&mut add);
    walk_random::tests(&mut add);

    trials
}
