//! No room for the program's own files: a limit of the size of files stands for the full disk.

use super::moments::held_pull;
use super::{Ground, Side};
use crate::cli_common::{pull, run};
use crate::harness::{Add, FLAVOURS, Serve, Servers, Site, exec, large_table, rustix_pid, short};
use backfill::schema::Flavour;
use rustix::process::{Resource, Rlimit, prlimit};
use std::process::{Command, Stdio};

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (name, test) in
            [("of_the_client", of_the_client as fn(&Servers, Flavour)), ("of_the_server", of_the_server)]
        {
            add(
                format!("faults::files::{name}::{}", short(flavour)),
                Box::new(move |servers| test(servers, flavour)),
            );
        }
    }
}

/// The same command, whose files may have so many blocks of 512 bytes (with some shells of 1024).
fn limited(command: &Command, blocks: u32) -> Command {
    let mut out = Command::new("/bin/sh");
    out.args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\"")]);
    out.arg(command.get_program()).args(command.get_args());
    out.current_dir(command.get_current_dir().unwrap()).env_clear().stdin(Stdio::null());
    out.envs(command.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    out
}

/// Without a state file nothing is begun; one that cannot be written at the end is no reason to fail.
fn of_the_client(servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::new(servers, flavour, flavour));
    let before = ground.before();
    let command = ground.site.pull_command(&ground.serve.url, &["--yes"]);
    let out = run(&mut limited(&command, 0));
    out.refused("no room", 3, &["cannot write the state file", "hint: make its folder writable and room"]);
    before.expect_whole(&ground.site, Side::Old, "no room");

    let url = ground.site.target.url(&ground.site.target_db);
    let out = held_pull(&ground, &url, "swap.renamed", |child| {
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        prlimit(Some(rustix_pid(child.id())), Resource::Fsize, none).unwrap();
    });
    let out = out.good("no room at the end");
    assert!(out.all().contains("the data is in place, the history is not written"), "{}", out.all());
    before.expect_whole(&ground.site, Side::New, "no room at the end");
    let before = ground.before();
    ground.next_pull(&before, "no room at the end");
}

/// What does not fit in memory finds no room: the run ends, the log says why, and the server goes on.
fn of_the_server(servers: &Servers, flavour: Flavour) {
    let mut ground = Ground::new(Site::new(servers, flavour, flavour));
    large_table(&mut ground.site.source_conn(), "large");
    ground.serve.stop();
    ground.serve = Serve::start(&mut limited(ground.site.command("server").args(["-v", "serve"]), 1));
    let before = ground.before();
    let out = pull(&ground.site, &ground.serve.url, &["--yes"]);
    out.refused("no room", 9, &["the server failed; its log says why"]);
    let log = ground.serve.log();
    assert!(log.contains("temporary file: File too large") && log.contains("hint=make room"), "{log}");
    before.expect_whole(&ground.site, Side::Old, "no room");
    // The very same server serves what fits in its memory.
    exec(&mut ground.site.source_conn(), "DROP TABLE large");
    ground.next_pull(&before, "no room");
}
