//! The proof that a copy is masked: it finds raw values, and never takes a masked one for raw.

use crate::harness::{Add, FLAVOURS, Site, both, exec, short};
use crate::srv_http::Http;
use backfill::plan::sanitize::{Facts, Mask, OptionValue, Rule, TableMasks, parse, plan};
use backfill::sql::select::{Compare, Range, WalkKey};
use backfill::sql::{Ident, TableName};
use backfill::wire::api::{Code, RunPhase};
use mysql::Conn;
use mysql::prelude::Queryable;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for mask_at in ["update", "copy"] {
            add(
                format!("masks_proof::a_mask_that_masks_nothing_is_caught::{mask_at}_{}", short(flavour)),
                Box::new(move |servers| caught(&Site::new(servers, flavour, flavour), mask_at)),
            );
        }
        add(
            format!("masks_proof::the_proof_tells_masked_from_raw::{}", short(flavour)),
            Box::new(move |servers| proof(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn caught(site: &Site<'_>, mask_at: &str) {
    let mut source = site.source_conn();
    exec(
        &mut source,
        "CREATE TABLE people (id INT NOT NULL PRIMARY KEY, mail VARCHAR(90) NULL) ENGINE=InnoDB",
    );
    exec(
        &mut source,
        "INSERT INTO people VALUES (1, 'canary-1@real.de'), (2, 'canary-2@real.de'), (3, NULL)",
    );
    let rule = "[sanitize.people]\nmail = { type = \"sql\", expression = \"CONCAT({column}, '')\" }\n";
    site.configure_server(&format!("mask_at = \"{mask_at}\""), rule);
    let serve = site.serve();
    let http = Http::new(&serve);
    let run = http.begin(&["people"]);
    let status = http.finished(&run);
    assert_eq!(status.phase, RunPhase::Failed);
    let error = status.error.unwrap();
    assert_eq!(error.code, Code::MasksFailed);
    assert!(error.error.contains("2 of 2 rows of table `people`"), "{}", error.error);
    assert!(error.error.contains("column `mail`"), "{}", error.error);
    let stream = http.get(&format!("dump/people?run={run}"));
    assert_eq!(stream.code(), Code::MasksFailed);
    site.structure_to_target();
    let pulled = site.pull_command(&serve.url, &["--yes"]).output().unwrap();
    let printed = both(&pulled);
    assert_eq!(pulled.status.code(), Some(10), "{printed}");
    for text in [printed, serve.log(), error.error, stream.text()] {
        assert!(!text.contains("canary"), "{text}");
    }
    drop(serve);
    // What a mask makes may be there already, in whatever way its column stores it.
    exec(
        &mut source,
        "CREATE TABLE done (id INT NOT NULL PRIMARY KEY, e ENUM('größe','b') CHARACTER SET latin1 NULL, c CHAR(9) NULL, f FLOAT NULL, \
         d DOUBLE NULL, n DECIMAL(9,4) NULL, y YEAR NULL, j JSON NULL, t TIMESTAMP(3) NULL, v VARCHAR(9) CHARACTER SET latin1 NULL, \
         name VARCHAR(90) NULL, b BINARY(9) NULL) ENGINE=InnoDB",
    );
    exec(
        &mut source,
        "INSERT INTO done VALUES (1, 'größe', 'a', 0.1, 0.1, 0.1, 1970, '[1,2]', '2000-01-01 00:00:00', 'ä', 'User_1', 'x')",
    );
    site.configure_server(
        &format!("mask_at = \"{mask_at}\""),
        "[sanitize.done]\ne = { type = \"fixed\", value = \"größe\" }\nc = { type = \"fixed\", value = \"a \" }\n\
         f = { type = \"fixed\", value = 0.1 }\nd = { type = \"fixed\", value = 0.1 }\nn = { type = \"fixed\", value = 0.1 }\n\
         y = { type = \"sql\", expression = \"70\" }\nj = { type = \"fixed\", value = \"[1,2]\" }\n\
         t = { type = \"fixed\", value = \"2000-01-01\" }\nv = { type = \"fixed\", value = \"ä\" }\nname = \"name\"\n\
         b = { type = \"fixed\", value = \"x\" }\n",
    );
    let serve = site.serve();
    let http = Http::new(&serve);
    http.complete(&http.begin(&["done"]));
    drop(serve);
    // One value that an expression leaves is no proof of a bad one.
    site.configure_server(
        &format!("mask_at = \"{mask_at}\""),
        "[sanitize.people]\nmail = { type = \"sql\", expression = \"IF(id = 1, {column}, 'x')\" }\n",
    );
    let serve = site.serve();
    let http = Http::new(&serve);
    http.complete(&http.begin(&["people"]));
}

fn table_masks(site: &Site<'_>, options: &[(&str, &str)]) -> TableMasks {
    let schema = {
        let endpoint = site.source.endpoint(&site.source_db);
        let mut conn = backfill::db::Connection::open(&endpoint, backfill::db::Role::Source).unwrap();
        backfill::db::introspect::load_schema(&mut conn, &site.source_db).unwrap()
    };
    let rule = |column: &str, mask: Mask, condition| Rule {
        table: "s".into(),
        column: column.into(),
        mask,
        exclude: if column == "mail" { vec!["*@keep.example".into()] } else { Vec::new() },
        condition,
    };
    let sql = |text: &str| {
        let given = [("expression".to_owned(), OptionValue::Text(text.to_owned()))];
        parse("sql", &given).unwrap().mask
    };
    let mut rules = vec![rule("mail", Mask::Email, None), rule("name", Mask::Name, None)];
    rules.extend(options.iter().map(|(column, text)| rule(column, sql(text), None)));
    let facts = Facts { salt: "00ff", by_update: true, ..Facts::default() };
    plan(&rules, &schema, &facts).unwrap().for_table("s").unwrap().clone()
}

/// Counts of a comparison: for each column how many rows had to be masked and how many are not.
fn counts(conn: &mut Conn, masks: &TableMasks) -> Vec<(u64, u64)> {
    let (proofs, read) = masks.proofs(&Ident::new(Compare::COPY), &Ident::new(Compare::SOURCE));
    let compare = Compare {
        copy: TableName::bare("c"),
        read,
        walk: (WalkKey { index: "PRIMARY".into(), columns: vec!["a".into(), "b".into()] }, Range::default()),
        limit: 1000,
        source: TableName::bare("s"),
        index: "PRIMARY".into(),
        conditions: proofs.into_iter().flat_map(|proof| [proof.masked, proof.unmasked]).collect(),
    };
    let row: mysql::Row = conn.query_first(compare.to_string()).unwrap().unwrap();
    let numbers: Vec<u64> = (0..row.len()).map(|at| row.get(at).unwrap()).collect();
    numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect()
}

fn proof(site: &Site<'_>) {
    let mut conn = site.source_conn();
    let columns = "(a INT NOT NULL, b VARCHAR(9) NOT NULL, mail VARCHAR(90) NULL, name VARCHAR(90) NULL, note VARCHAR(90) NULL, PRIMARY KEY (a, b)) ENGINE=InnoDB";
    exec(&mut conn, &format!("CREATE TABLE s {columns}"));
    exec(
        &mut conn,
        "INSERT INTO s VALUES (1, 'x', 'a@real.de', 'Anna', 'fixed'), (1, 'y', 'b@keep.example', 'Bert', 'other'), (2, 'x', NULL, NULL, NULL)",
    );
    let masks = table_masks(site, &[("note", "'fixed'")]);
    exec(&mut conn, &format!("CREATE TABLE c {columns}"));
    exec(&mut conn, "INSERT INTO c SELECT * FROM s");
    // Raw: what had to be masked and is not, but for values that their mask would leave.
    assert_eq!(counts(&mut conn, &masks), [(1, 1), (2, 2), (2, 1)]);
    let set: Vec<String> =
        masks.update_assignments().unwrap().iter().map(|(name, sql)| format!("{name} = {sql}")).collect();
    exec(&mut conn, &format!("UPDATE c SET {}", set.join(", ")));
    assert_eq!(counts(&mut conn, &masks), [(1, 0), (2, 0), (2, 0)]);
    // The source moves on meanwhile: no alarm. One row that was missed: an alarm.
    exec(&mut conn, "UPDATE s SET mail = 'new@real.de', name = 'Beate' WHERE b = 'y'");
    assert_eq!(counts(&mut conn, &masks).iter().map(|pair| pair.1).sum::<u64>(), 0);
    exec(&mut conn, "UPDATE c SET name = 'Anna' WHERE a = 1 AND b = 'x'");
    assert_eq!(counts(&mut conn, &masks)[1], (2, 1));
}
