//! The rights that the README lists, tried with accounts that have nothing more: every way of keeping copies works,
//! gives the same rows, and names the grant when one right is missing.

use crate::fixture;
use crate::harness::{Account, Add, FLAVOURS, Site, exec, short};
use crate::oracle;
use crate::readme::{APP, MAIN, TEMP, WORK, Way, ways};
use backfill::sandbox::{Options, Server};
use mysql::Conn;
use mysql::prelude::Queryable;

/// Masks that make the same of the same row every time.
const RULES: &str = r#"
[sanitize.users]
name = "name"
phone = "phone"
password = "hash"
token = "null"
home = "address"
[sanitize.measures]
v = "null"
[sanitize."order notes"]
"with `tick" = "null"
"#;
/// The columns that they change.
const RULED: &[&str] = &[
    "users.name",
    "users.phone",
    "users.password",
    "users.token",
    "users.home",
    "measures.v",
    "order notes.with `tick",
];
const OPEN: &str = "[privacy]\npolicy = \"open\"\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_grants::every_way_sends_the_same_rows::{}", short(flavour)),
            Box::new(move |servers| every_way_sends_the_same_rows(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_grants::a_right_less_is_named_and_leaves_nothing::{}", short(flavour)),
            Box::new(move |servers| {
                // Of its own: on a shared one schemas of other tests come and go.
                let options = Options {
                    arguments: vec!["--log-bin=bin".into(), "--server-id=14".into()],
                    ..Options::default()
                };
                let source = Server::start(flavour, &options).unwrap();
                let site = Site::between(&source, servers.target(flavour));
                let mut conn = site.source_conn();
                exec(&mut conn, "CREATE TABLE users (id INT PRIMARY KEY, mail VARCHAR(90)) ENGINE=InnoDB");
                exec(&mut conn, "INSERT INTO users VALUES (1, 'a@b.c'), (2, NULL)");
                for way in ways() {
                    a_right_less_is_named(&site, &mut conn, &way);
                }
            }),
        );
    }
}

/// The accounts of a way, each with what the README grants it but for `less`: account and right.
struct Accounts<'a> {
    main: Account<'a>,
    temp: Option<Account<'a>>,
}

impl<'a> Accounts<'a> {
    fn new(site: &Site<'a>, way: &Way, less: Option<(usize, &str)>) -> Self {
        let of = |wanted: &str| -> Vec<String> {
            let all = way.grants.iter().enumerate().filter(|(_, (account, _))| account == wanted);
            all.filter_map(|(at, (_, grant))| {
                let (rights, on) = grant.split_once(" ON ").unwrap();
                let left = rights.split(", ").filter(|right| less != Some((at, right)));
                let left = left.collect::<Vec<_>>().join(", ");
                (!left.is_empty()).then(|| format!("{left} ON {}", here(site, on)))
            })
            .collect()
        };
        let account = |wanted: &str| {
            let grants = of(wanted);
            site.account(&grants.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let has_temp = way.key("temp_username").is_some();
        Self { main: account(MAIN), temp: has_temp.then(|| account(TEMP)) }
    }

    /// Writes the server's configuration for them.
    fn configure(&self, site: &Site<'_>, way: &Way, rules: &str) {
        let mut server: String = way
            .keys
            .iter()
            .filter(|(key, _)| key != "temp_username")
            .map(|(key, value)| format!("{key} = \"{}\"\n", value.replace(WORK, &work(site))))
            .collect();
        if let Some(temp) = &self.temp {
            server.push_str(&format!("temp_username = \"{0}\"\ntemp_password = \"pw-{0}\"\n", temp.user));
        }
        site.configure_server_as(&self.main.url(&site.source_db), &server, rules);
    }

    fn named(&self, account: &str) -> &str {
        match (&self.temp, account == TEMP) {
            (Some(temp), true) => &temp.user,
            _ => &self.main.user,
        }
    }
}

fn work(site: &Site<'_>) -> String {
    format!("work_of_{}", site.source_db)
}

/// A statement of the README with this site's names.
fn here(site: &Site<'_>, statement: &str) -> String {
    statement.replace(&format!("`{APP}`"), &format!("`{}`", site.source_db)).replace(WORK, &work(site))
}

fn every_way_sends_the_same_rows(site: &Site<'_>) {
    fixture::load(&mut site.source_conn(), 400);
    let source = oracle::contents(&mut site.source_conn(), RULED);
    let mut first = None;
    for way in ways() {
        let accounts = Accounts::new(site, &way, None);
        accounts.configure(site, &way, if way.rules { RULES } else { OPEN });
        let mut serve = site.serve();
        site.pull(&serve);
        assert!(oracle::contents(&mut site.target_conn(), RULED) == source, "{way:?}");
        if way.rules {
            let all = oracle::contents(&mut site.target_conn(), &[]);
            let names = oracle::rows(&mut site.target_conn(), "users", &[]).join("\n");
            assert!(names.contains(&hex("User_399")) && !names.contains(&hex("Canary")), "{way:?}");
            assert!(*first.get_or_insert_with(|| all.clone()) == all, "{way:?} sends other rows");
        }
        assert_eq!(serve.stop(), Some(0));
        assert!(!serve.log().contains("orphaned"), "{}", serve.log());
        if way.key("temp_database").is_some() {
            let mut conn = site.source_conn();
            let left: Vec<String> = conn.query(format!("SHOW TABLES FROM {}", work(site))).unwrap();
            assert_eq!(left, Vec::<String>::new(), "it is kept, and empty");
            // The next account makes it anew.
            exec(&mut conn, &format!("DROP DATABASE {}", work(site)));
        }
    }
    assert!(oracle::contents(&mut site.source_conn(), RULED) == source, "production changed");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

fn a_right_less_is_named(site: &Site<'_>, conn: &mut Conn, way: &Way) {
    let rules = if way.rules { "[sanitize.users]\nmail = \"email\"\n" } else { OPEN };
    for (at, (account, grant)) in way.grants.iter().enumerate() {
        let (rights, on) = grant.split_once(" ON ").unwrap();
        for right in rights.split(", ") {
            let accounts = Accounts::new(site, way, Some((at, right)));
            accounts.configure(site, way, rules);
            let (exit, printed) = site.serve_refused();
            let case = format!("{way:?} without {right} ON {on}:\n{printed}");
            assert_eq!(exit, 7, "{case}");
            let hint = printed.split("hint").nth(1).unwrap_or_else(|| panic!("no hint: {case}"));
            let on = here(site, on);
            let named = hint.split("GRANT ").skip(1).any(|named| {
                let (rights, rest) = named.split_once(" ON ").unwrap_or_default();
                rights.split(", ").any(|named| named == right) && rest.starts_with(&on)
            });
            assert!(named, "the grant is not named: {case}");
            assert!(printed.contains(accounts.named(account)), "the account is not named: {case}");
            assert!(!printed.contains("pw-"), "a password is shown: {case}");
            assert_eq!(left_behind(conn), Vec::<String>::new(), "{case}");
        }
    }
}

/// Schemas and tables of workspaces: what an account may not drop must not be made.
fn left_behind(conn: &mut Conn) -> Vec<String> {
    conn.query(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '\\_backfill\\_%' UNION ALL \
         SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME LIKE '\\_backfill\\_%'",
    )
    .unwrap()
}
