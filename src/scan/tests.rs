use super::*;
use crate::plan::sanitize::fixture::{self, column, foreign_key, generated, nullable, schema, table};
use crate::plan::sanitize::{Mask, MaskKey, parse};

fn facts() -> Facts<'static> {
    Facts { salt: "5a17", by_update: true, ..Facts::default() }
}

fn rule(table: &str, column: &str) -> Rule {
    fixture::rule(table, column, Mask::Email)
}

/// What is found with these rules, patterns and sightings.
fn found(
    schema: &Schema,
    rules: &[Rule],
    keep: &[&str],
    seen: &Sightings,
    accepts: Accepts<'_>,
) -> Result<Found> {
    let (facts, keep) = (facts(), Keep::new(keep).unwrap());
    let masks = plan(rules, schema, &facts).unwrap();
    let served = &schema.tables;
    scan(Ground { schema, served, rules, masks: &masks, keep: &keep, seen, facts: &facts }, accepts)
}

fn find(schema: &Schema, rules: &[Rule]) -> Vec<(String, String)> {
    let facts = facts();
    let findings = found(schema, rules, &[], &Sightings::default(), &mut |_| Ok(())).unwrap().sensitive;
    // What is proposed is never refused.
    let mut all = rules.to_vec();
    for finding in &findings {
        if let Ok(proposal) = &finding.proposal {
            all.push(proposal.rule(&finding.table, &finding.column).unwrap());
        }
    }
    plan(&all, schema, &facts).unwrap();
    let shown = |finding: Finding| {
        let proposal = finding.proposal.map_or_else(|why| format!("none: {why}"), |one| one.toml());
        (format!("{}.{}", finding.table, finding.column), proposal)
    };
    findings.into_iter().map(shown).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn proposals_fit_type_length_nullability_and_unique_indexes() {
    let users = table(
        "users",
        vec![
            column("id", "bigint"),
            column("email", "varchar(190)"),
            column("mail", "varchar(20)"),
            nullable("correo", "varchar(10)"),
            column("name", "varchar(90)"),
            column("phone", "bigint"),
            nullable("handynummer", "bigint"),
            column("tel", "bigint"),
            column("password", "varchar(255)"),
            column("senha", "char(32)"),
            column("token", "binary(16)"),
            nullable("api_token", "char(64)"),
            column("birthday", "date"),
            column("iban", "varchar(34)"),
            column("salary", "decimal(10,2)"),
            column("last_ip", "varchar(45)"),
            column("plz", "char(5)"),
            nullable("religion", "varchar(20)"),
            generated("email_lower", "varchar(190)", "lower(`email`)"),
        ],
    )
    .key(&["id"])
    .unique(&["email"])
    .unique(&["mail"])
    .unique(&["tel"])
    .unique(&["token"])
    .done();
    assert_eq!(
        find(&schema(vec![users]), &[]),
        pairs(&[
            ("users.email", "\"email\""),
            ("users.mail", "{ type = \"sql\", expression = \"LEFT(SHA2({id}, 256), 20)\" }"),
            ("users.correo", "\"null\""),
            ("users.name", "\"full_name\""),
            ("users.phone", "\"digits\""),
            ("users.handynummer", "\"digits\""),
            ("users.tel", "{ type = \"sql\", expression = \"{id}\" }"),
            ("users.password", "\"hash\""),
            ("users.senha", "{ type = \"fixed\", value = \"\" }"),
            ("users.token", "\"token\""),
            ("users.api_token", "\"null\""),
            ("users.birthday", "{ type = \"shift\", days = 180 }"),
            ("users.iban", "{ type = \"keep\", first = 2 }"),
            ("users.salary", "{ type = \"noise\", percent = 20 }"),
            ("users.last_ip", "\"ip\""),
            ("users.plz", "{ type = \"truncate\", length = 2 }"),
            ("users.religion", "\"null\""),
        ])
    );
}

#[test]
fn names_and_addresses_get_what_looks_like_them_where_rows_need_not_differ() {
    let columns = vec![
        column("id", "int"),
        column("first_name", "varchar(40)"),
        column("nachname", "varchar(40)"),
        column("username", "varchar(40)"),
        column("full_name", "varchar(40)"),
        column("nickname", "varchar(40)"),
        column("strasse", "varchar(60)"),
        column("address", "varchar(60)"),
        column("birthplace", "varchar(60)"),
        column("ip", "varbinary(16)"),
        column("ssn", "bigint"),
        column("imei", "varchar(40)"),
    ];
    let people = table("staff", columns).key(&["id"]).unique(&["full_name"]).done();
    assert_eq!(
        find(&schema(vec![people]), &[]),
        pairs(&[
            ("staff.first_name", "\"first_name\""),
            ("staff.nachname", "\"last_name\""),
            ("staff.username", "\"name\""),
            ("staff.full_name", "\"name\""),
            ("staff.nickname", "\"name\""),
            ("staff.strasse", "\"street\""),
            ("staff.address", "\"address\""),
            ("staff.birthplace", "\"city\""),
            ("staff.ip", "\"ip\""),
            ("staff.ssn", "\"digits\""),
            ("staff.imei", "\"token\""),
        ])
    );
}

#[test]
fn ruled_columns_are_left_out_also_by_a_rule_for_any_table() {
    let schema = schema(vec![
        table("a", vec![column("id", "int"), column("Email", "varchar(99)"), column("mail", "varchar(99)")])
            .key(&["id"])
            .done(),
        table("b", vec![column("id", "int"), column("email", "varchar(99)")]).key(&["id"]).done(),
    ]);
    assert_eq!(find(&schema, &[rule("*", "email")]), pairs(&[("a.mail", "\"email\"")]));
    assert_eq!(
        find(&schema, &[rule("a", "EMAIL")]),
        pairs(&[("a.mail", "\"email\""), ("b.email", "\"email\"")])
    );
}

#[test]
fn where_no_rule_can_be_applied_the_reason_is_told() {
    let mut schema = schema(vec![
        table("people", vec![column("email", "varchar(99)")]).key(&["email"]).done(),
        table("visits", vec![column("id", "int"), nullable("email", "varchar(99)")]).key(&["id"]).done(),
    ]);
    schema.foreign_keys = vec![foreign_key(("visits", "email"), ("people", "email"))];
    let found = find(&schema, &[]);
    assert!(found[0].1.starts_with("none: column `email` of table `people` is referenced by"), "{found:?}");
    assert_eq!(found[1], ("visits.email".to_owned(), "\"null\"".to_owned()));
}

#[test]
fn keys_that_are_masked_with_their_other_ends_are_in_nobodys_way() {
    let mut schema = schema(vec![
        table("people", vec![column("code", "varchar(64)"), column("email", "varchar(99)")])
            .key(&["code"])
            .done(),
        table("visits", vec![column("id", "int"), column("person", "varchar(64)")]).key(&["id"]).done(),
    ]);
    schema.foreign_keys = vec![foreign_key(("visits", "person"), ("people", "code"))];
    let token =
        |table: &str, column: &str| Rule { mask: parse("token", &[]).unwrap().mask, ..rule(table, column) };
    let rules = [token("people", "code"), token("visits", "person")];
    let key = MaskKey::derive(&"k".repeat(32).as_str().into()).unwrap();
    let facts = Facts { key: Some(&key), ..facts() };
    let masks = plan(&rules, &schema, &facts).unwrap();
    let (keep, seen) = (Keep::default(), Sightings::default());
    let ground = Ground {
        schema: &schema,
        served: &schema.tables,
        rules: &rules,
        masks: &masks,
        keep: &keep,
        seen: &seen,
        facts: &facts,
    };
    let found = scan(ground, &mut |_| Ok(())).unwrap();
    let proposals: Vec<_> =
        found.sensitive.into_iter().map(|finding| finding.proposal.map(|one| one.toml())).collect();
    assert_eq!(proposals, [Ok("\"email\"".to_owned())]);
}

#[test]
fn what_the_database_refuses_is_not_proposed() {
    let schema = schema(vec![
        table("t", vec![column("id", "int"), column("email", "varchar(99)")]).key(&["id"]).done(),
    ]);
    let none = Sightings::default();
    let mut asked = 0;
    let mut second = |_: &SanitizePlan| {
        asked += 1;
        if asked == 2 { Ok(()) } else { Err(Error::config("no")) }
    };
    let findings = found(&schema, &[], &[], &none, &mut second).unwrap().sensitive;
    assert_eq!(findings[0].proposal.as_ref().unwrap().toml(), "\"text\"");
    let breaks = &mut |_: &SanitizePlan| Err(Error::config("[sanitize.t]: masked values break it"));
    let findings = found(&schema, &[], &[], &none, breaks).unwrap().sensitive;
    assert_eq!(findings[0].proposal, Err("masked values break it".to_owned()));
    let gone = &mut |_: &SanitizePlan| Err(Error::new(Kind::Source, "gone"));
    assert!(found(&schema, &[], &[], &none, gone).is_err());
}

#[test]
fn what_is_kept_is_passed_over_and_what_was_seen_is_a_reason() {
    let columns = vec![
        column("id", "int"),
        column("email", "varchar(99)"),
        column("contact", "varchar(99)"),
        column("remarks", "text"),
        column("last_ip", "varchar(45)"),
        column("state", "varchar(9)"),
    ];
    let schema = schema(vec![table("t", columns).key(&["id"]).done()]);
    let mut seen = Sightings::default();
    let sighting = |is_part, hits| Sighting { kind: crate::detect::Kind::Email, is_part, hits, values: 9 };
    seen.add("t", "email", sighting(false, 9));
    seen.add("t", "contact", sighting(false, 4));
    seen.add("t", "remarks", sighting(true, 1));
    let found = found(&schema, &[], &["*.id", "t.last_*"], &seen, &mut |_| Ok(())).unwrap();
    let told = |one: &Finding| {
        let reasons: Vec<String> = one.reasons.iter().map(Reason::to_string).collect();
        format!("{}: {} = {}", one.column, reasons.join(" + "), one.proposal.as_ref().unwrap().toml())
    };
    assert_eq!(
        found.sensitive.iter().map(told).collect::<Vec<_>>(),
        [
            "email: name + 9 of 9 sampled values look like e-mail addresses = \"email\"",
            "contact: 4 of 9 sampled values look like e-mail addresses = \"email\"",
            "remarks: 1 of 9 sampled values contains an e-mail address = \"text\"",
        ]
    );
    assert_eq!(found.others.iter().map(|one| one.column.as_str()).collect::<Vec<_>>(), ["state"]);
    assert_eq!(found.columns(), [("t", "email"), ("t", "contact"), ("t", "remarks"), ("t", "state")]);
    assert!(found.of_tables(|name| name != "t").is_empty() && !found.of_tables(|_| true).is_empty());
}
