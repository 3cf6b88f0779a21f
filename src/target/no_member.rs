//! Which columns of the staging tables may be given cells that hold no member of their ENUM.

use super::names::Purpose;
use super::reread::Origins;
use super::site::Site;
use super::staging::About;
use crate::db::Connection;
use crate::error::Result;
use crate::plan::load::PlannedTable;
use crate::schema::Column;
use crate::sql::ident::string_literal;
use crate::sql::no_member::NoMember;
use std::collections::BTreeMap;

/// By table number; a table without an ENUM at the source has none.
pub(super) fn columns(
    site: &Site,
    conn: &mut Connection,
    about: &About,
    origins: &Origins<'_>,
) -> Result<BTreeMap<usize, NoMember>> {
    if !origins.values().flatten().any(|column| column.data_type == "enum") {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(String, String, Vec<u8>)> = conn.query(&format!(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = {} AND DATA_TYPE = 'enum'",
        string_literal(&about.layout.schema(Purpose::Load))
    ))?;
    let mut staged: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for (table, name, column_type) in rows {
        let column = Column::new(&name, &String::from_utf8_lossy(&column_type));
        staged.entry(site.fold(&table)).or_default().push(column);
    }
    let of = |number: usize, table: &PlannedTable| {
        let sources = origins.get(table.name.as_str())?;
        let there = staged.get(&site.fold(about.layout.staged(number, &table.name).table()))?;
        let target = |name: &String| there.iter().find(|column| column.name == *name);
        let pairs = sources.iter().zip(&table.columns).map(|(source, name)| (*source, target(name)));
        Some((number, NoMember::of(pairs)))
    };
    Ok(about.plan.tables.iter().enumerate().filter_map(|(number, table)| of(number, table)).collect())
}
