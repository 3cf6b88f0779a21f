//! `privacy.policy` and `privacy.keep`: what a server says at its start and, after a migration, at every run.

use crate::cli_common::{pull, run};
use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::oracle;

/// Stands in every value of a column that nobody has decided about.
const CANARY: &str = "canary-of-20261123";

const TABLES: &[&str] = &[
    "CREATE TABLE people (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(90) NOT NULL, state VARCHAR(30) NOT NULL, \
     lower_state VARCHAR(30) AS (LOWER(state))) ENGINE=InnoDB",
    "CREATE TABLE things (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, person_id INT NULL, title VARCHAR(30) NOT NULL, \
     FOREIGN KEY (person_id) REFERENCES people (id)) ENGINE=InnoDB",
    "CREATE TABLE hidden (id INT NOT NULL PRIMARY KEY, iban VARCHAR(40) NOT NULL) ENGINE=InnoDB",
];

const EMAIL: &str = "[sanitize.people]\nemail = \"email\"\n";

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_policy::strict_refuses_what_nobody_decided_about::{}", short(flavour)),
            Box::new(move |servers| strict(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("srv_policy::warn_names_what_a_migration_added::{}", short(flavour)),
            Box::new(move |servers| warn(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn fill(site: &Site<'_>) {
    let mut conn = site.source_conn();
    TABLES.iter().for_each(|statement| exec(&mut conn, statement));
    for statement in [
        "INSERT INTO people (email, state) VALUES ('{}@firma.de', 'new'), ('{}@haus.de', 'old')",
        "INSERT INTO things (person_id, title) VALUES (1, 'chair'), (NULL, 'table')",
        "INSERT INTO hidden VALUES (1, '{}')",
    ] {
        exec(&mut conn, &statement.replace("{}", CANARY));
    }
}

fn configure(site: &Site<'_>, policy: &str, keep: &[&str]) {
    let rest =
        format!("exclude_tables = [\"hidden\"]\n{EMAIL}[privacy]\npolicy = \"{policy}\"\nkeep = {keep:?}\n");
    site.configure_server("", &rest);
}

fn strict(site: &Site<'_>) {
    fill(site);
    configure(site, "strict", &["things.*", "people.id"]);
    let (code, text) = site.serve_refused();
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("column `people.state` has neither a rule nor an entry in privacy.keep"), "{text}");
    assert!(text.contains("\n[privacy]\nkeep = [\n    \"people.state\",\n]"), "{text}");
    let planned = run(site.command("server").args(["serve", "--plan"]));
    planned.refused("serve --plan", 3, &["`people.state`"]);

    // An entry for what is gone is told, and nothing more.
    configure(site, "strict", &["things.*", "people.id", "people.state", "peopel.*"]);
    let serve = site.serve();
    assert!(
        serve.log().contains("no column is called \"peopel.*\"; did you mean `people.*`?"),
        "{}",
        serve.log()
    );
    site.pull(&serve);
    let before = oracle::contents(&mut site.target_conn(), &[]);

    // Last night's migration.
    exec(
        &mut site.source_conn(),
        &format!(
            "ALTER TABLE people ADD iban VARCHAR(40) NOT NULL DEFAULT '{CANARY}', ADD flag INT NOT NULL DEFAULT 7"
        ),
    );
    let named = ["refused (privacy.policy = \"strict\")", "names `iban`, `flag`"];
    let dry = pull(site, &serve.url, &["--dry-run"]).good("a dry run");
    assert!(named.iter().all(|words| dry.all().contains(words)), "{}", dry.all());
    let refused = pull(site, &serve.url, &["--full", "--yes"]).refused(
        "a pull of everything",
        9,
        &[
            "`people.iban`, `people.flag`",
            "[sanitize.people] iban = { type = \"keep\", first = 2 }",
            "keep = [     \"people.flag\", ]",
        ],
    );
    assert!(
        serve.log().contains("\n[sanitize.people]\niban = { type = \"keep\", first = 2 }\n"),
        "{}",
        serve.log()
    );
    assert!(oracle::contents(&mut site.target_conn(), &[]) == before, "the target is as it was");
    let dumped = crate::srv_http::Http::new(&serve).get("dump/people");
    assert_eq!(dumped.status, 500, "{}", dumped.text());
    assert!(dumped.text().contains("config_invalid") && dumped.text().contains("people.iban"));

    // The server is up, and the other table is nobody's concern.
    pull(site, &serve.url, &["--full", "--yes", "--tables", "things"]).good("the other table");
    let all = format!("{}{}{}{}", serve.log(), refused.all(), dry.all(), dumped.text());
    assert!(!all.contains(CANARY), "a value is shown:\n{all}");
    exec(&mut site.source_conn(), "ALTER TABLE people DROP iban, DROP flag");
    site.pull(&serve);
}

fn warn(site: &Site<'_>) {
    fill(site);
    configure(site, "warn", &[]);
    let serve = site.serve();
    site.pull(&serve);
    assert!(!serve.log().contains("looks sensitive"), "{}", serve.log());
    exec(
        &mut site.source_conn(),
        &format!(
            "ALTER TABLE people ADD phone VARCHAR(40) NOT NULL DEFAULT '{CANARY}', ADD iban VARCHAR(40) NOT NULL DEFAULT '{CANARY}'"
        ),
    );
    let told = "table `people` has no rule for what looks sensitive: `phone`, `iban`";
    let dry = pull(site, &serve.url, &["--dry-run"]).good("a dry run");
    assert!(dry.all().contains(told), "{}", dry.all());
    for _ in 0..2 {
        let pulled = pull(site, &serve.url, &["--full", "--yes"]).good("a pull");
        assert!(pulled.all().contains(told) && !pulled.all().contains(CANARY), "{}", pulled.all());
    }
    assert_eq!(serve.log().matches(told).count(), 1, "told once in the log:\n{}", serve.log());
    drop(serve);

    // What is declared harmless is not named, whatever it looks like.
    configure(site, "warn", &["people.{phone,ib*}"]);
    let serve = site.serve();
    let pulled = pull(site, &serve.url, &["--full", "--yes"]).good("a pull");
    let all = format!("{}{}", serve.log(), pulled.all());
    assert!(!all.contains("looks sensitive") && !all.contains("privacy.keep"), "{all}");
}
