//! What tells a client that a table's rows would be others than last time, although the table is the same.

use crate::plan::sanitize::{MaskKey, MaskedColumn};
use crate::schema::Table;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Which generation of masks this is. To be raised with a repair of one: rows that were masked before have to come again.
const MASKS: u32 = 1;

/// Changes whenever a delta of the table could not be trusted: with its columns, keys, rules or limits, and with the key
/// of its masks. `limits` is
/// what decides about its rows, in any form; empty for a table that is whole.
pub fn digest(
    table: &Table,
    sanitized: &[String],
    masks: &[MaskedColumn],
    key: Option<&MaskKey>,
    limits: &str,
) -> String {
    #[derive(Serialize)]
    struct Digested<'a> {
        columns: &'a [crate::schema::Column],
        primary_key: &'a [String],
        indexes: &'a [crate::schema::Index],
        rules: Vec<(&'a str, String, Vec<&'a str>)>,
        masks: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        limits: &'a str,
    }
    // Not by the masks' names: options of theirs make other values.
    let rules = sanitized
        .iter()
        .zip(masks)
        .map(|(name, masked)| (name.as_str(), masked.fingerprint(), masked.exclude().collect()));
    let digested = Digested {
        columns: &table.columns,
        primary_key: &table.primary_key,
        indexes: &table.indexes,
        rules: rules.collect(),
        masks: (!sanitized.is_empty()).then_some(MASKS),
        key: key.filter(|_| !sanitized.is_empty()).map(MaskKey::fingerprint),
        limits,
    };
    // Plain structures of text and numbers always serialize.
    let json = serde_json::to_vec(&digested).unwrap_or_default();
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sanitize::Expression;
    use crate::plan::sanitize::fixture::{rule, rule_but};
    use crate::plan::sanitize::{Facts, Mask, Rule, plan};
    use crate::schema::{Column, Flavour, Index, IndexKind, Schema, Version};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_digest_tells_every_rule_from_every_other() {
        let text = Column { nullable: true, ..Column::new("secret", "varchar(99)") };
        let text = Column {
            charset: Some("utf8mb4".into()),
            collation: Some("utf8mb4_bin".into()),
            max_length: Some(99),
            ..text
        };
        let table = Table::new("t", vec![Column::new("id", "int"), text]);
        let schema = Schema {
            database: "app".into(),
            flavour: Flavour::Mariadb,
            version: Version(10, 11, 0),
            tables: BTreeMap::from([("t".to_owned(), table.clone())]),
            foreign_keys: Vec::new(),
            triggers: Vec::new(),
            views: 0,
            routines: 0,
            events: 0,
        };
        let keys = ["one", "other"].map(|key| MaskKey::derive(&key.into()).unwrap());
        let facts = Facts { salt: "5a17", ..Facts::default() };
        let digest_where = |mask: Option<Mask>, exclude: &[&str], condition: Option<&str>| {
            let condition = condition.map(|text| Expression::parse("where", text).unwrap());
            let rule = |mask| Rule { condition, ..rule_but("t", "secret", mask, exclude) };
            let rules: Vec<Rule> = mask.map(rule).into_iter().collect();
            let plan = plan(&rules, &schema, &facts).unwrap();
            let masks = plan.for_table("t").map(|masks| masks.columns.as_slice()).unwrap_or_default();
            let names: Vec<String> = masks.iter().map(|masked| masked.name.clone()).collect();
            digest(&table, &names, masks, None, "")
        };
        let digest_of = |mask, exclude| digest_where(mask, exclude, None);
        let altered = |alter: &dyn Fn(&mut Table)| {
            let mut table = table.clone();
            alter(&mut table);
            digest(&table, &[], &[], None, "")
        };
        let keyed = |key| {
            let rule = rule("t", "secret", Mask::Null);
            let plan = plan(&[rule], &schema, &Facts { key: Some(key), ..facts.clone() }).unwrap();
            let masks = &plan.for_table("t").unwrap().columns;
            digest(&table, &["secret".into()], masks, Some(key), "")
        };
        let index =
            |name: &str| Index { name: name.into(), unique: true, kind: IndexKind::Btree, parts: Vec::new() };
        let all: BTreeSet<String> = [
            digest_where(Some(Mask::Null), &[], Some("id > 1")),
            digest_where(Some(Mask::Null), &[], Some("id > 2")),
            altered(&|table| table.columns[0].column_type = "bigint".into()),
            altered(&|table| table.columns[1].nullable = false),
            altered(&|table| table.columns.swap(0, 1)),
            altered(&|table| table.primary_key = vec!["id".into()]),
            altered(&|table| table.indexes = vec![index("a")]),
            altered(&|table| table.indexes = vec![index("b")]),
            keyed(&keys[0]),
            keyed(&keys[1]),
            digest_of(None, &[]),
            digest_of(Some(Mask::Null), &[]),
            digest_of(Some(Mask::Null), &["a*"]),
            digest_of(Some(Mask::Hash { unusable: false }), &[]),
            digest_of(Some(Mask::Hash { unusable: true }), &[]),
            digest(&table, &[], &[], None, "max_rows = 1"),
            digest(&table, &[], &[], None, "max_rows = 2"),
        ]
        .into();
        assert_eq!(all.len(), 17);
        // What changes every day says nothing about the rows that are there already.
        let grown = altered(&|table| (table.row_count, table.bytes, table.created) = (7, 8, Some(9)));
        assert_eq!(grown, digest_of(None, &[]));
        assert_eq!(digest_of(Some(Mask::Null), &[]), digest_of(Some(Mask::Null), &[]));
    }
}
