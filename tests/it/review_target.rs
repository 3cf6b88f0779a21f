//! What a server that dies leaves half dropped does not keep later pulls from working.

use crate::harness::{Add, FLAVOURS, Site, both, exec, short};
use backfill::fault::KILL_AT;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("review_target::old_tables_dropped_in_part::{}", short(flavour)),
            Box::new(move |servers| old_tables_dropped_in_part(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// Dropping several tables is not one step on every server: when it dies meanwhile, some are gone.
fn old_tables_dropped_in_part(site: &Site<'_>) {
    let names = ["a", "b"].map(|name| format!("{name}_of_{}", site.source_db));
    let mut source = site.source_conn();
    for name in &names {
        exec(&mut source, &format!("CREATE TABLE {name} (id INT PRIMARY KEY)"));
    }
    let serve = site.serve();
    site.pull(&serve);
    let mut target = site.target_conn();
    for (round, gone) in [&names[..1], &names[..]].into_iter().enumerate() {
        for name in &names {
            exec(&mut source, &format!("INSERT INTO {name} VALUES ({round})"));
        }
        let mut command = site.pull_command(&serve.url, &["--yes"]);
        let output = command.env(KILL_AT, "swap.staging_dropped").output().unwrap();
        assert_eq!(output.status.code(), None, "not killed: {}", both(&output));
        for name in gone {
            for schema in schemas_with(&mut target, name) {
                exec(&mut target, &format!("DROP TABLE {schema}.{name}"));
            }
        }
        let printed = site.pull(&serve);
        assert!(printed.contains("was completed"), "{printed}");
        for name in &names {
            let rows: Option<usize> = target.query_first(format!("SELECT COUNT(*) FROM {name}")).unwrap();
            assert_eq!(rows, Some(round + 1));
            assert_eq!(schemas_with(&mut target, name), Vec::<String>::new(), "left behind");
        }
    }
}

/// Schemas of ours with a table of that name.
fn schemas_with(conn: &mut mysql::Conn, table: &str) -> Vec<String> {
    conn.exec(
        "SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_NAME = ? AND TABLE_SCHEMA LIKE '\\_backfill\\_%'",
        (table,),
    )
    .unwrap()
}
