//! A table of a million rows: it arrives whole, and the pulling process stays small.

use crate::extent::on_one;
use crate::harness::{Add, Servers, Site, exec, short};
use crate::oracle;
use backfill::schema::Flavour;
use std::process::Stdio;

/// The documented limit, KiB.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

pub fn tests(add: &mut Add<'_>) {
    for flavour in on_one(Flavour::Mysql) {
        add(
            format!("cli_memory::a_million_rows::{}", short(flavour)),
            Box::new(move |servers| a_million_rows(servers, flavour)),
        );
    }
}

fn a_million_rows(servers: &Servers, flavour: Flavour) {
    let site = Site::new(servers, flavour, flavour);
    const TABLE: &str = "CREATE TABLE big (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a BIGINT NOT NULL, \
         text VARCHAR(120) NOT NULL, at DATETIME NULL, KEY by_a (a)) ENGINE=InnoDB";
    let mut source = site.source_conn();
    exec(&mut source, TABLE);
    exec(&mut site.target_conn(), TABLE);
    exec(&mut source, "SET SESSION sql_log_bin = 0");
    exec(&mut source, "INSERT INTO big VALUES (1, 7, 'it''s the first \\\\ row', '2024-02-29 12:00:00')");
    for doubling in 0..20 {
        exec(
            &mut source,
            &format!(
                "INSERT INTO big SELECT id + {n}, a * 31 % 1000003 + id, CONCAT(LEFT(SHA2(id, 256), 30), REPEAT('x', id % 60)), at FROM big",
                n = 1 << doubling
            ),
        );
    }
    let serve = site.serve();
    let mut command = site.pull_command(&serve.url, &["--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_kib(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    assert!(status.success(), "{stderr}");
    assert!(peak > 1000, "the peak was never seen");
    assert!(peak <= MEMORY_KIB_MAX, "the pull needed {} MiB", peak / 1024);
    let served = peak_kib(serve.pid());
    assert!(served <= MEMORY_KIB_MAX, "serve needed {} MiB", served / 1024);
    let expected = oracle::digest(&mut source, "big", &[]);
    assert_eq!(expected.0, 1 << 20);
    assert_eq!(expected, oracle::digest(&mut site.target_conn(), "big", &[]));
}

/// The most memory a process has had so far, in KiB; 0 when it is gone.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
