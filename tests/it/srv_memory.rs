//! The server's memory is bounded, whatever the tables' size and however slow its clients.

use crate::extent::on_one;
use crate::harness::{Add, Serve, Site, exec, short};
use crate::srv_http::Http;
use backfill::schema::Flavour;
use mysql::Conn;
use mysql::prelude::Queryable;
use std::io::Read;

/// What the server may use at most, in KiB.
const PEAK_KIB_MAX: u64 = 256 * 1024;
const BLOB_TABLES: usize = 7;
const BLOBS: usize = 6;

pub fn tests(add: &mut Add<'_>) {
    for flavour in on_one(Flavour::Mariadb) {
        add(
            format!("srv_memory::a_million_rows_and_large_ones::{}", short(flavour)),
            Box::new(move |servers| a_million_rows(&Site::new(servers, flavour, flavour))),
        );
    }
    for flavour in on_one(Flavour::Mysql) {
        add(
            format!("srv_memory::many_references::{}", short(flavour)),
            Box::new(move |servers| many_references(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Half a million rows reference as many others, and a quarter of them dangles and is looked up.
fn many_references(site: &Site<'_>) {
    let mut conn = site.source_conn();
    exec(&mut conn, "SET SESSION unique_checks = 0, foreign_key_checks = 0, sql_log_bin = 0");
    exec(
        &mut conn,
        "CREATE TABLE nodes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, up INT NULL, \
         FOREIGN KEY (up) REFERENCES nodes (id)) ENGINE=InnoDB",
    );
    exec(&mut conn, "INSERT INTO nodes (up) VALUES (1)");
    for _ in 0..19 {
        exec(&mut conn, "INSERT INTO nodes (up) SELECT id + 100000000 * (id % 4 = 0) FROM nodes");
    }
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["nodes"]);
    let status = http.complete(&run);
    assert_eq!((status.tables[0].rows, status.tables[0].removed), (1 << 19, 0));
    let peak = peak_kib(&serve);
    assert!(peak <= PEAK_KIB_MAX, "the server used {peak} KiB");
}

fn fill(conn: &mut Conn) {
    exec(conn, "SET SESSION unique_checks = 0, sql_log_bin = 0");
    exec(
        conn,
        "CREATE TABLE short (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL) ENGINE=InnoDB",
    );
    exec(conn, "INSERT INTO short (name) VALUES ('canary-short')");
    for _ in 0..20 {
        exec(conn, "INSERT INTO short (name) SELECT CONCAT('canary-short-', id) FROM short");
    }
    let mut blob = vec![0; 1 << 20];
    for table in 0..BLOB_TABLES {
        exec(
            conn,
            &format!(
                "CREATE TABLE blobs_{table} (id INT PRIMARY KEY, name VARCHAR(60), body LONGBLOB) ENGINE=InnoDB"
            ),
        );
        for id in 0..BLOBS {
            // Random, so that it does not shrink on its way.
            getrandom::fill(&mut blob).unwrap();
            conn.exec_drop(format!("INSERT INTO blobs_{table} VALUES (?, 'canary-blob', ?)"), (id, &blob))
                .unwrap();
        }
    }
}

fn a_million_rows(site: &Site<'_>) {
    fill(&mut site.source_conn());
    let rules: String = (0..BLOB_TABLES)
        .step_by(2)
        .map(|table| format!("[sanitize.blobs_{table}]\nname = \"name\"\n"))
        .collect();
    site.configure_server("threads = 8", &format!("{rules}[sanitize.short]\nname = \"name\"\n"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&http.tables());
    // A client for each table that takes a little and stops, while the whole run goes to the spool.
    let tables = http.tables();
    let mut slow: Vec<_> =
        tables.iter().map(|table| (table, http.open(&format!("dump/{table}?run={run}")))).collect();
    let mut begun: Vec<Vec<u8>> = slow
        .iter_mut()
        .map(|(_, stream)| {
            let mut begin = vec![0; 300];
            stream.read_exact(&mut begin).unwrap();
            begin
        })
        .collect();
    let status = http.complete(&run);
    nothing_raw_is_in_the_spool(&serve);
    for ((table, mut stream), begin) in slow.into_iter().zip(&mut begun) {
        stream.read_to_end(begin).unwrap();
        let rows = status.tables.iter().find(|status| status.name == *table).unwrap().rows;
        assert_eq!(rows, if table == "short" { 1 << 20 } else { BLOBS as u64 });
        let dump = crate::srv_http::decode(table, backfill::wire::frame::Scope::Table, begin).unwrap();
        assert_eq!(dump.rows, rows, "{table}");
        begin.clear();
    }
    let peak = peak_kib(&serve);
    assert!(peak <= PEAK_KIB_MAX, "the server used {peak} KiB");
}

fn peak_kib(serve: &Serve) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Files without a name that the server holds open are its spool: whole frames, masked.
fn nothing_raw_is_in_the_spool(serve: &Serve) {
    let mut files = 0;
    for entry in std::fs::read_dir(format!("/proc/{}/fd", serve.pid())).unwrap() {
        let path = entry.unwrap().path();
        let Ok(target) = std::fs::read_link(&path) else { continue };
        if !target.to_string_lossy().ends_with(" (deleted)") {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let text = zstd::decode_all(&bytes[..]).unwrap();
        files += usize::from(!bytes.is_empty());
        assert!(memchr::memmem::find(&text, b"canary-short").is_none(), "a raw value is in the spool");
    }
    assert!(files > 0, "nothing was spilled");
}
