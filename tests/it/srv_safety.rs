//! Production is only ever read: every row of every table is what it was, whatever is asked of the server.

use crate::fixture::{self, RULES};
use crate::harness::{Add, FLAVOURS, Site, exec, short, workspaces_with};
use crate::oracle;
use crate::srv_http::Http;
use backfill::schema::Flavour;
use backfill::wire::api::Code;
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::json;

/// Rules for tables that are tempting to write to: a MERGE table and its children, a window on another table.
const MORE_RULES: &str = "\n[sanitize.part_a]\nnote = \"text\"\n[sanitize.old_style]\nnote = \"text\"\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for way in ["update", "copy", "temp_database", "tables"] {
            add(
                format!("srv_safety::production_stays_as_it_is::{way}_{}", short(flavour)),
                Box::new(move |servers| {
                    let site = Site::new(servers, flavour, flavour);
                    production_stays_as_it_is(&site, way);
                }),
            );
        }
        add(
            format!("srv_safety::windows_on_other_tables_are_never_served::{}", short(flavour)),
            Box::new(move |servers| windows_are_never_served(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn tempting(conn: &mut Conn) {
    for child in ["part_a", "part_b"] {
        exec(
            conn,
            &format!("CREATE TABLE {child} (id INT NOT NULL, note VARCHAR(60), KEY (id)) ENGINE=MyISAM"),
        );
        exec(conn, &format!("INSERT INTO {child} VALUES (1, 'first of {child}'), (2, NULL), (2, 'x')"));
    }
    exec(
        conn,
        "CREATE TABLE parts (id INT NOT NULL, note VARCHAR(60), KEY (id)) ENGINE=MERGE UNION=(part_a, part_b) INSERT_METHOD=LAST",
    );
}

/// What must not change: rows, and definitions with their counters.
fn production(conn: &mut Conn) -> (oracle::Contents, Vec<(String, String)>) {
    let contents = oracle::contents(conn, &[]);
    let definitions = contents
        .keys()
        .map(|table| {
            conn.query_first(format!("SHOW CREATE TABLE `{}`", table.replace('`', "``"))).unwrap().unwrap()
        })
        .collect();
    (contents, definitions)
}

fn production_stays_as_it_is(site: &Site<'_>, way: &str) {
    let mut conn = site.source_conn();
    fixture::load(&mut conn, 400);
    tempting(&mut conn);
    let mark = format!("mark_{}", site.source_db);
    exec(&mut conn, &format!("CREATE TABLE {mark} (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB"));
    exec(&mut conn, &format!("INSERT INTO {mark} VALUES (1, 'a@b.c')"));
    let before = production(&mut conn);

    let temp = format!("temp_of_{}", site.source_db);
    let server = match way {
        "copy" => "mask_at = \"copy\"".to_owned(),
        "tables" => "temp_strategy = \"tables\"".to_owned(),
        "temp_database" => format!("temp_database = \"{temp}\""),
        _ => String::new(),
    };
    site.configure_server(&server, &format!("{RULES}{MORE_RULES}[sanitize.{mark}]\nmail = \"email\"\n"));
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&http.tables());
    let rows: u64 = http.complete(&run).tables.iter().map(|table| table.rows).sum();
    assert!(rows > 400);
    for table in http.tables() {
        http.table(&run, &table);
    }
    assert_eq!(http.delete(&format!("runs/{run}")).status, 204);
    assert_eq!(http.get("dump/users").status, 200);
    drop(serve);

    assert!(production(&mut conn) == before, "production changed");
    assert_eq!(workspaces_with(&mut conn, &mark), Vec::<String>::new());
    let left: Vec<String> = conn
        .exec("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", (&temp,))
        .unwrap();
    assert_eq!(left, Vec::<String>::new(), "left behind in temp_database");
    exec(&mut conn, &format!("DROP DATABASE IF EXISTS {temp}"));
}

fn windows_are_never_served(site: &Site<'_>) {
    let mut conn = site.source_conn();
    tempting(&mut conn);
    let mut windows = vec![("parts", "MRG_MYISAM")];
    // MySQL has the engine only when it is started with it.
    if site.source.flavour() == Flavour::Mariadb && conn.query_drop("INSTALL SONAME 'ha_federatedx'").is_ok()
    {
        let endpoint = site.source.endpoint("");
        exec(&mut conn, "CREATE TABLE near (id INT PRIMARY KEY, note VARCHAR(60)) ENGINE=InnoDB");
        exec(&mut conn, "INSERT INTO near VALUES (1, 'kept')");
        exec(
            &mut conn,
            &format!(
                "CREATE TABLE far (id INT PRIMARY KEY, note VARCHAR(60)) ENGINE=FEDERATED \
                 CONNECTION='mysql://sandbox@{}:{}/{}/near'",
                endpoint.host, endpoint.port, site.source_db
            ),
        );
        windows.push(("far", "FEDERATED"));
    }
    let before = production(&mut conn);
    let rules = windows.iter().map(|(table, _)| *table).chain(["part_a"]);
    let rules: String = rules.map(|table| format!("[sanitize.{table}]\nnote = \"text\"\n")).collect();
    site.configure_server("", &rules);
    let serve = site.serve();
    let http = Http::new(&serve);
    let manifest = http.manifest();
    for (table, engine) in &windows {
        let left_out = manifest.left_out.iter().find(|left_out| left_out.name == *table).unwrap();
        assert!(left_out.reason.to_uppercase().contains(engine), "{}", left_out.reason);
        assert!(serve.log().contains(&format!("table `{table}` is not served")), "{}", serve.log());
        let refused = http.post("runs", &json!({"tables": [{"name": table}]}));
        assert_eq!(refused.code(), Code::TableExcluded);
        assert!(refused.text().to_uppercase().contains(engine), "{}", refused.text());
        assert_eq!(http.get(&format!("dump/{table}")).code(), Code::TableExcluded);
    }
    let run = http.begin(&http.tables());
    http.complete(&run);
    let served = http.table(&run, "part_a");
    assert_eq!(served.rows, 3);
    assert!(!served.batches[0].1.contains("first of"));
    http.delete(&format!("runs/{run}"));
    assert!(production(&mut conn) == before, "production changed");
}
