//! Reading back what was loaded, to compare it with what arrived: for whoever does not trust the target's disk, its
//! server, or us. Every table is read once, over a few connections, and only its digest is kept.

use super::names::Purpose;
use super::pool::try_each;
use super::site::Site;
use super::staging::{Empty, Indexed, Staging};
use crate::db::introspect::load_schema;
use crate::db::kill::kill_query;
use crate::db::{Connection, Role, RowCells};
use crate::error::{Context, Error, Result};
use crate::schema::Column;
use crate::sql::TableName;
use crate::sql::digest::{Canon, RowHasher, TableDigest};
use crate::sql::literal::Form;
use crate::sql::select::Select;
use std::collections::BTreeMap;

/// How many rows are read between two looks at whether to go on.
const ROWS_PER_LOOK: u64 = 500;

/// The source's column behind each loaded column, in the plan's order, by the table's name on the target.
pub type Origins<'a> = BTreeMap<&'a str, Vec<&'a Column>>;

/// What of one table is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The table's name on the target.
    pub table: String,
    /// Loaded columns whose values the target may store as others.
    pub left_out: Vec<String>,
    number: usize,
    canons: Vec<Option<Canon>>,
    list: Vec<String>,
}

impl Compared {
    /// How many columns are loaded.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.canons.len()
    }

    /// What takes the digest of this table's batches.
    #[must_use]
    pub fn hasher(&self) -> RowHasher {
        RowHasher::new(self.canons.clone())
    }

    /// The digest of the rows that `condition` (`FROM … WHERE …`) names.
    pub(super) fn digest_of(&self, conn: &mut Connection, condition: &str) -> Result<TableDigest> {
        // Text as it is stored, which is what was sent.
        conn.execute("SET SESSION character_set_results = NULL")?;
        let mut hasher = self.hasher();
        let mut rows = conn.stream(&format!("SELECT {} {condition}", self.list.join(", ")))?;
        while let Some(row) = rows.next_row()? {
            hasher.row(|at| row.cell(at));
        }
        drop(rows);
        conn.execute("SET SESSION character_set_results = utf8mb4")?;
        Ok(hasher.take())
    }

    fn new(number: usize, table: &str, columns: &[(String, &Column, Option<&Column>)]) -> Self {
        let mut compared = Self {
            table: table.to_owned(),
            left_out: Vec::new(),
            number,
            canons: Vec::with_capacity(columns.len()),
            list: Vec::new(),
        };
        for (name, source, staged) in columns {
            let canon = staged.and_then(|staged| Canon::of(source, staged).map(|canon| (canon, staged)));
            match canon {
                Some((_, staged)) => compared.list.push(Form::select_expression(staged)),
                None => compared.left_out.push(name.clone()),
            }
            compared.canons.push(canon.map(|(canon, _)| canon));
        }
        if compared.list.is_empty() {
            // Its rows are counted.
            compared.list.push("1".to_owned());
        }
        compared
    }
}

impl Staging<Empty> {
    /// What can be compared of each table in `origins`, in the plan's order. To be asked before loading: the digest
    /// of what arrives is taken meanwhile, by [`Compared::hasher`].
    ///
    /// # Errors
    /// As [`load_schema`].
    pub fn compared(&self, origins: &Origins<'_>) -> Result<Vec<Compared>> {
        let (site, about) = (&self.core.site, &self.core.about);
        let schema = load_schema(&mut site.connect(None)?, &about.layout.schema(Purpose::Load))?;
        let staged: BTreeMap<String, _> =
            schema.tables.iter().map(|(name, table)| (site.fold(name), table)).collect();
        let mut out = Vec::with_capacity(origins.len());
        for (number, planned) in about.plan.tables.iter().enumerate() {
            let Some(sources) = origins.get(planned.name.as_str()) else { continue };
            let table = staged.get(&site.fold(about.layout.staged(number, &planned.name).table()));
            let columns: Vec<_> = planned
                .columns
                .iter()
                .zip(sources)
                .map(|(name, source)| (name.clone(), *source, table.and_then(|table| table.column(name))))
                .collect();
            out.push(Compared::new(number, &planned.name, &columns));
        }
        Ok(out)
    }
}

/// Hears of a table how many more rows of it were read, and may end the reading by an error.
pub type Watch<'a> = &'a (dyn Fn(&str, u64) -> Result<()> + Sync);

impl Staging<Indexed> {
    /// Reads back every table of `sent` over `parallel` connections and compares it with the digest of what arrived.
    ///
    /// # Errors
    /// `Integrity` listing every table that is not what arrived; what `watch` says; the server's.
    pub fn reread(&self, sent: &[(Compared, TableDigest)], parallel: usize, watch: Watch<'_>) -> Result<()> {
        let (site, layout) = (&self.core.site, &self.core.about.layout);
        // The biggest first, so that none is left alone at the end.
        let mut order: Vec<&(Compared, TableDigest)> = sent.iter().collect();
        order.sort_by_key(|(_, digest)| std::cmp::Reverse(digest.rows()));
        let open = || {
            let mut conn = site.connect(None)?;
            // Text as it is stored, which is what was sent.
            conn.execute("SET SESSION character_set_results = NULL")?;
            Ok(conn)
        };
        let found = try_each(open, parallel, &order, |conn, (compared, _)| {
            let table = compared.table.as_str();
            let look = |rows| self.core.lock.check().and_then(|()| watch(table, rows));
            let name = layout.staged(compared.number, table);
            digest(site, conn, &name, compared, &look).context(|| format!("reading back table `{table}`"))
        })?;
        let wrong: Vec<String> = order
            .iter()
            .zip(found)
            .filter(|((_, sent), found)| sent != found)
            .map(|((compared, sent), found)| {
                format!("`{}` ({} rows arrived, {} read back)", compared.table, sent.rows(), found.rows())
            })
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::integrity(format!(
            "what was read back is not what arrived in {} of {} tables: {}",
            wrong.len(),
            sent.len(),
            wrong.join(", ")
        ))
        .hint("pull again; if it stays, look at the target's disk and its server's error log"))
    }
}

/// Reads one table.
fn digest(
    site: &Site,
    conn: &mut Connection,
    name: &TableName,
    compared: &Compared,
    look: &dyn Fn(u64) -> Result<()>,
) -> Result<TableDigest> {
    let mut hasher = compared.hasher();
    let id = conn.id();
    let mut rows = conn.stream(&Select::all(name.clone(), compared.list.clone().into()).to_string())?;
    let mut unseen = 0;
    while let Some(row) = rows.next_row()? {
        hasher.row(|at| row.cell(at));
        unseen += 1;
        if unseen == ROWS_PER_LOOK {
            if let Err(error) = look(unseen) {
                // A result that is left alone is read to its end.
                if let Err(second) = kill_query(&site.endpoint, Role::Target, id) {
                    tracing::debug!(error = %second, "the rest of a table is read for nothing");
                }
                return Err(error);
            }
            unseen = 0;
        }
    }
    look(unseen)?;
    Ok(hasher.take())
}
