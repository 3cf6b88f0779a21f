//! What happens to columns that no rule names: `privacy.policy`, and `privacy.keep`, which declares columns harmless.
//!
//! A column is decided about when a rule masks it or `keep` covers it. Generated columns are never sent, so there is
//! nothing to decide: they are made anew from columns that are.

use super::nearest::{did_you_mean, nearest};
use super::sanitize::{TableMasks, category};
use crate::glob::{Glob, escape};
use crate::schema::{Column, Schema, Table};

/// What happens to columns without a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They are served, and nothing is said.
    Open,
    /// They are served; those that look sensitive and are not kept are named.
    Warn,
    /// Tables that have one which is not kept are refused.
    Strict,
}

/// Columns that are declared harmless: patterns over `table.column`.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    entries: Vec<Entry>,
    folds: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    text: String,
    /// One for each place where the text can be cut into table and column: names may have dots themselves.
    cuts: Vec<Cut>,
}

#[derive(Debug, Clone)]
struct Cut {
    table: String,
    column: String,
    tables: Glob,
    columns: Glob,
}

impl Cut {
    fn new(table: &str, column: &str) -> Option<Self> {
        if table.is_empty() || column.is_empty() {
            return None;
        }
        let (tables, columns) = (Glob::new(table)?, Glob::new(column)?);
        Some(Self { table: table.to_owned(), column: column.to_owned(), tables, columns })
    }

    fn covers(&self, table: &str, column: &str, folds: bool) -> bool {
        let has_table = if folds { self.tables.is_match_folded(table) } else { self.tables.is_match(table) };
        // Column names compare without case on every server.
        has_table && self.columns.is_match_folded(column)
    }
}

impl Keep {
    /// Reads the patterns: `*` is any run of characters, `?` one, `[ab]` one of these, `{a,b}` either, each within the
    /// name of a table or within that of a column.
    ///
    /// # Errors
    /// The position, from 0, of the first text that is no such pattern.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, usize> {
        let read = |(at, pattern): (usize, &S)| {
            let text = pattern.as_ref();
            let cuts: Vec<Cut> = text
                .match_indices('.')
                .filter_map(|(dot, _)| Cut::new(&text[..dot], &text[dot + 1..]))
                .collect();
            if cuts.is_empty() { Err(at) } else { Ok(Entry { text: text.to_owned(), cuts }) }
        };
        let entries = patterns.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { entries, folds: false })
    }

    /// The same on a server that compares table names without case (`folds`), or does not.
    #[must_use]
    pub fn on_server(&self, folds: bool) -> Self {
        Self { folds, ..self.clone() }
    }

    /// What both keep.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// Whether the column is declared harmless.
    #[must_use]
    pub fn covers(&self, table: &str, column: &str) -> bool {
        self.entries.iter().any(|entry| entry.covers(table, column, self.folds))
    }

    /// The patterns that cover no column of the schema, as they are written, each with what may be meant: what they were
    /// written for is gone, or called otherwise.
    #[must_use]
    pub fn stale(&self, schema: &Schema) -> Vec<(String, Option<String>)> {
        let covers_any = |entry: &&Entry| {
            schema.tables.values().any(|table| {
                table.columns.iter().any(|column| entry.covers(&table.name, &column.name, self.folds))
            })
        };
        let stale = self.entries.iter().filter(|entry| !covers_any(entry));
        stale.map(|entry| (entry.text.clone(), entry.meant(schema))).collect()
    }

    /// What the operator should know about the patterns themselves.
    #[must_use]
    pub fn warnings(&self, schema: &Schema) -> Vec<String> {
        let all = self.entries.iter().filter(|entry| entry.text.chars().all(|c| matches!(c, '*' | '.')));
        let all = all.map(|entry| format!("privacy.keep: \"{}\" declares every column harmless", entry.text));
        all.chain(self.stale_warnings("privacy.keep", schema)).collect()
    }

    /// The patterns that cover no column, in words: they are those of `setting`.
    #[must_use]
    pub fn stale_warnings(&self, setting: &str, schema: &Schema) -> Vec<String> {
        let told = |(text, meant): (String, Option<String>)| {
            format!("{setting}: no column is called \"{text}\"{}", did_you_mean(meant.as_deref()))
        };
        self.stale(schema).into_iter().map(told).collect()
    }
}

impl Entry {
    fn covers(&self, table: &str, column: &str, folds: bool) -> bool {
        self.cuts.iter().any(|cut| cut.covers(table, column, folds))
    }

    /// The nearest existing name, for a part that is no pattern.
    fn meant(&self, schema: &Schema) -> Option<String> {
        let Cut { table, column, .. } = self.cuts.first()?;
        let names = |table: &Table| table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let near = |name: &str, all: Vec<String>| {
            let found = nearest(name, all.iter().map(String::as_str)).map(str::to_owned);
            found.filter(|_| is_literal(name))
        };
        match schema.tables.get(table) {
            Some(known) => near(column, names(known)).map(|column| format!("{table}.{column}")),
            None if is_literal(table) => {
                near(table, schema.tables.keys().cloned().collect()).map(|table| format!("{table}.{column}"))
            }
            None => near(column, schema.tables.values().flat_map(names).collect())
                .map(|column| format!("{table}.{column}")),
        }
    }
}

fn is_literal(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

/// The pattern that covers this column and no other.
#[must_use]
pub fn pattern_of(table: &str, column: &str) -> String {
    format!("{}.{}", escape(table), escape(column))
}

/// The columns of a table that are sent and that nobody has decided about.
pub fn undecided<'a>(
    table: &'a Table,
    masks: Option<&'a TableMasks>,
    keep: &'a Keep,
) -> impl Iterator<Item = &'a Column> {
    table.stored_columns().filter(move |column| {
        masks.is_none_or(|masks| masks.column(&column.name).is_none())
            && !keep.covers(&table.name, &column.name)
    })
}

/// Names the columns of a table that look sensitive and that nobody has decided about; none without any.
#[must_use]
pub fn warning(table: &Table, masks: Option<&TableMasks>, keep: &Keep) -> Option<String> {
    let looks_sensitive = |column: &&Column| category(&table.name, column).is_some();
    let names = names(undecided(table, masks, keep).filter(looks_sensitive))?;
    Some(format!("table `{}` has no rule for what looks sensitive: {names}", table.name))
}

/// Names the columns for which a strict policy refuses the table; none without any.
#[must_use]
pub fn refusal(table: &Table, masks: Option<&TableMasks>, keep: &Keep) -> Option<String> {
    let names = names(undecided(table, masks, keep))?;
    Some(format!(
        "table `{}` is refused (privacy.policy = \"strict\"): neither a rule nor privacy.keep names {names}",
        table.name
    ))
}

fn names<'a>(columns: impl Iterator<Item = &'a Column>) -> Option<String> {
    let names: Vec<String> = columns.map(|column| format!("`{}`", column.name)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::sanitize::fixture::{column, generated, nullable, rule, schema, table};
    use super::super::sanitize::{Facts, Mask, plan};
    use super::*;

    fn keep(patterns: &[&str]) -> Keep {
        Keep::new(patterns).unwrap()
    }

    #[test]
    fn patterns_are_over_tables_and_columns() {
        for (pattern, table, column, covered) in [
            ("products.*", "products", "name", true),
            ("products.*", "products_old", "name", false),
            ("*.created_at", "orders", "Created_At", true),
            ("*.created_at", "orders", "created_at_by", false),
            ("orders.status", "orders", "status", true),
            ("orders.status", "Orders", "status", false),
            ("or*", "orders", "status", false),
            ("log_?.{id,level}", "log_1", "level", true),
            ("log_?.{id,level}", "log_1", "who", false),
            ("ord*.st*", "orders", "x.st", false),
            ("a.b.c", "a", "b.c", true),
            ("a.b.c", "a.b", "c", true),
            ("a.b.c", "a.b.c", "d", false),
            ("r?gion.größe", "région", "GRÖSSE", false),
            ("r?gion.größe", "région", "GRÖßE", true),
        ] {
            let covers = Keep::new(&[pattern]).is_ok_and(|keep| keep.covers(table, column));
            assert_eq!(covers, covered, "{pattern}: {table}.{column}");
        }
        assert!(keep(&["Orders.id"]).on_server(true).covers("orders", "id"));
        assert!(keep(&["a.b"]).and(keep(&["c.d"])).covers("c", "d"));
        assert!(!Keep::default().covers("a", "b"));
    }

    #[test]
    fn what_is_no_pattern_is_named_by_its_place() {
        for bad in ["users", "users.", ".email", "", "us[ers.email", "users.e{mail"] {
            assert_eq!(Keep::new(&["a.b", bad]).err(), Some(1), "{bad}");
        }
    }

    #[test]
    fn the_pattern_of_a_column_covers_it_alone() {
        for (table, column) in
            [("orders", "status"), ("a*", "b[1]"), ("x{y}", "?"), ("a.b", "c.d"), ("a\\b", "\\")]
        {
            let keep = keep(&[&pattern_of(table, column)]);
            assert!(keep.covers(table, column), "{table}.{column}");
        }
        assert!(!keep(&[&pattern_of("a*", "?")]).covers("ab", "x"));
    }

    #[test]
    fn a_stale_pattern_is_told_with_what_may_be_meant() {
        let tables = vec![
            table("products", vec![column("id", "int"), column("status", "int")]).done(),
            table("orders", vec![column("created_at", "datetime")]).done(),
        ];
        let warnings = |patterns: &[&str]| keep(patterns).warnings(&schema(tables.clone())).join("|");
        assert_eq!(warnings(&["products.*", "*.created_at", "orders.Created_At"]), "");
        for (pattern, meant) in [
            ("prodcts.*", "; did you mean `products.*`?"),
            ("products.statsu", "; did you mean `products.status`?"),
            ("*.creatd_at", "; did you mean `*.created_at`?"),
            ("customers.email", ""),
            ("zz*.*", ""),
        ] {
            let expected = format!("privacy.keep: no column is called \"{pattern}\"{meant}");
            assert_eq!(warnings(&[pattern]), expected);
        }
        assert_eq!(warnings(&["*.*"]), "privacy.keep: \"*.*\" declares every column harmless");
    }

    #[test]
    fn columns_are_decided_about_by_a_rule_or_by_keep_and_generated_ones_follow() {
        let users = table(
            "users",
            vec![
                column("id", "int"),
                column("Email", "varchar(99)"),
                column("phone", "varchar(99)"),
                nullable("iban", "varchar(99)"),
                generated("mail", "text", "`Email`"),
            ],
        )
        .key(&["id"])
        .done();
        let rule = rule("users", "email", Mask::Text);
        let facts = Facts { salt: "5a17", ..Facts::default() };
        let planned = plan(&[rule], &schema(vec![users.clone()]), &facts).unwrap();
        let masks = planned.for_table("users");
        let left = |keep: &Keep| undecided(&users, masks, keep).map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(left(&Keep::default()), ["id", "phone", "iban"]);
        assert_eq!(left(&keep(&["users.IBAN", "*.id"])), ["phone"]);
        assert_eq!(
            warning(&users, masks, &keep(&["users.phone"])).unwrap(),
            "table `users` has no rule for what looks sensitive: `iban`"
        );
        assert_eq!(warning(&users, masks, &keep(&["*.phone", "*.iban"])), None);
        assert_eq!(
            refusal(&users, masks, &keep(&["users.phone"])).unwrap(),
            "table `users` is refused (privacy.policy = \"strict\"): neither a rule nor privacy.keep names `id`, `iban`"
        );
        assert_eq!(refusal(&users, masks, &keep(&["users.*"])), None);
    }
}
