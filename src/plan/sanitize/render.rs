//! The one renderer of mask expressions: as assignments of an UPDATE and as items of a SELECT list.

use super::identity::{Identity, Refs};
use super::key::MaskKey;
use super::pattern::Pattern;
use super::types::{Behaviour, Expression, Mask, Own, Reading, Row, token_bits};
use crate::error::{Error, Result};
use crate::schema::{Check, Column, Flavour};
use crate::secret::Secret;
use crate::sql::{Expr, Ident};

/// The masks of one table. They were checked: every one of them fits its column.
#[derive(Debug, Clone)]
pub struct TableMasks {
    /// The table's bare name.
    pub table: String,
    /// The ruled columns, in table order.
    pub columns: Vec<MaskedColumn>,
    /// CHECK constraints that depend on a ruled column. Workspace copies made for UPDATEs carry them, and
    /// [`TableMasks::check_probe`] tries them.
    pub checks: Vec<Check>,
    /// Whether a column of the table's key is ruled. An UPDATE then moves rows in the key: it must visit each row
    /// once by other means than ranges of that key.
    pub changes_key: bool,
    pub(super) identity: Identity,
    /// SQL of what salts the hash of an identity.
    pub(super) salt: Secret,
    pub(super) key: Option<MaskKey>,
    /// The table's stored columns.
    pub(super) stored: Vec<String>,
    pub(super) flavour: Flavour,
    /// Columns that the probe selects, and generated ones that it computes anew.
    pub(super) probed: Vec<String>,
    pub(super) recomputed: Vec<(String, String)>,
}

/// A ruled column and how its values are made.
#[derive(Debug, Clone)]
pub struct MaskedColumn {
    /// The column's name.
    pub name: String,
    /// Its mask.
    pub mask: Mask,
    pub(super) kept: Vec<Pattern>,
    /// Rows for which this is false keep their value.
    pub(super) condition: Option<Expression>,
    pub(super) column: Column,
    /// Hex digits of an identity that is not a number, or of a keyed hash.
    pub(super) hex: u64,
    /// How its old values are read where masks are functions of them; none where they are made anew.
    pub(super) keyed: Option<Reading>,
}

/// What gives a new value the column's type, so that it comes out of a SELECT as it comes out of the column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cast {
    /// NULL fits everything.
    None,
    Text {
        charset: String,
        collation: Option<String>,
    },
    Binary,
    /// BINARY(n) pads with zero bytes.
    Padded(u64),
    /// A type that CAST knows.
    As(String),
    /// A float: as it is, but surely a number.
    Float,
}

impl Cast {
    /// The cast for a column; none for types that take NULL only.
    pub fn of(column: &Column) -> Self {
        match (&column.charset, column.max_length) {
            (Some(charset), _) if column.is_text() => {
                Self::Text { charset: charset.clone(), collation: column.collation.clone() }
            }
            (_, Some(length)) if column.data_type == "binary" => Self::Padded(length),
            _ if column.is_binary() => Self::Binary,
            _ => Self::of_number_or_date(column),
        }
    }

    fn of_number_or_date(column: &Column) -> Self {
        let full = column.column_type.as_str();
        let with_length = |name: &str| match full.split_once('(').and_then(|(_, rest)| rest.split_once(')')) {
            Some((length, _)) => format!("{name}({length})"),
            None => name.to_owned(),
        };
        match column.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => {
                let unsigned =
                    full.contains("unsigned") || full.contains("zerofill") || full.starts_with("year");
                Self::As(if unsigned { "UNSIGNED" } else { "SIGNED" }.to_owned())
            }
            "decimal" => Self::As(with_length("DECIMAL")),
            "date" => Self::As("DATE".to_owned()),
            "datetime" | "timestamp" => Self::As(with_length("DATETIME")),
            "time" => Self::As(with_length("TIME")),
            "float" | "double" => Self::Float,
            _ => Self::None,
        }
    }

    pub(super) fn wrap(&self, value: &str) -> String {
        match self {
            Self::None => value.to_owned(),
            Self::Text { charset, collation: None } => format!("CONVERT({value} USING {charset})"),
            Self::Text { charset, collation: Some(collation) } => {
                format!("CONVERT({value} USING {charset}) COLLATE {collation}")
            }
            Self::Binary => format!("CAST({value} AS BINARY)"),
            Self::Padded(length) => format!("CAST({value} AS BINARY({length}))"),
            Self::As(name) => format!("CAST({value} AS {name})"),
            Self::Float => format!("({value}) * 1e0"),
        }
    }
}

impl TableMasks {
    /// The columns whose masks fail on some values, and which ones they take.
    #[must_use]
    pub fn demanding(&self) -> Vec<(&str, String)> {
        let takes = |masked: &MaskedColumn| match (&masked.mask, token_bits(&masked.column)) {
            (Mask::Token(_), Some(bits)) => Some(format!("numbers from 0 to {}", (1_u64 << bits) - 1)),
            _ if masked.keyed.is_some_and(Reading::refuses) => {
                Some(format!("printable ASCII, for `{}` may take other texts for equal", masked.collation()))
            }
            _ => None,
        };
        let keyed = self.columns.iter().filter(|masked| masked.keyed.is_some());
        keyed.filter_map(|masked| Some((masked.name.as_str(), takes(masked)?))).collect()
    }

    /// Whether the column's results are the same in every run, whatever else its row holds.
    #[must_use]
    pub fn is_stable(&self, column: &str) -> bool {
        self.column(column).is_some_and(|masked| masked.follows_value() && !masked.has_condition())
    }

    /// The key that sessions must be told before these expressions run; none where they need none.
    #[must_use]
    pub fn key(&self) -> Option<&MaskKey> {
        self.key.as_ref()
    }

    /// The mask of that column, if it is ruled.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&MaskedColumn> {
        self.columns.iter().find(|masked| same(&masked.name, name))
    }

    /// The assignments of one `UPDATE`, ready to be joined by commas. Both servers assign from left to right with
    /// new values, so a column is assigned after every other one that reads it.
    ///
    /// # Errors
    /// `Kind::Config` when two columns read each other: no order is right then, only a masking copy is.
    pub fn update_assignments(&self) -> Result<Vec<(Ident, Expr)>> {
        let mut left: Vec<&MaskedColumn> = self.columns.iter().collect();
        let mut ordered = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let free = left.iter().position(|column| !left.iter().any(|other| self.blocks(other, column)));
            let Some(free) = free else {
                return Err(self.cycle(&left));
            };
            let column = left.remove(free);
            ordered.push((Ident::new(&column.name), self.reading_key(self.expression(column, Refs::Bare))));
        }
        Ok(ordered)
    }

    /// Whether `reader` must be assigned before `column`.
    fn blocks(&self, reader: &MaskedColumn, column: &MaskedColumn) -> bool {
        !same(&reader.name, &column.name) && self.reads(reader).iter().any(|read| same(read, &column.name))
    }

    /// The columns that a mask and its condition read.
    pub(super) fn reads(&self, reader: &MaskedColumn) -> Vec<String> {
        let own = self.own(reader);
        let mask = reader.behaviour();
        let mut read = mask.reads(&own);
        let mut reads_identity = mask.reads_identity();
        if let Some(condition) = &reader.condition {
            read.extend(condition.reads(&own));
            reads_identity |= condition.reads_identity();
        }
        if reads_identity {
            read.extend(self.identity.reads().into_iter().map(str::to_owned));
        }
        read
    }

    pub(super) fn own<'a>(&'a self, masked: &'a MaskedColumn) -> Own<'a> {
        Own { name: &masked.name, table: &self.stored }
    }

    pub(super) fn row<'a>(&'a self, masked: &MaskedColumn, refs: Refs<'a>) -> Row<'a> {
        Row {
            identity: &self.identity,
            refs,
            salt: self.salt.expose(),
            hex: masked.hex,
            flavour: self.flavour,
            keyed: masked.keyed,
        }
    }

    fn cycle(&self, columns: &[&MaskedColumn]) -> Error {
        let names: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
        Error::config(format!(
            "the masks of {} in table `{}` read each other, so no UPDATE can set them",
            names.join(", "),
            self.table
        ))
        .hint("set mask_at = \"copy\" under [server], or choose masks that do not read the other ruled columns (email, text, hash)")
    }

    /// The item of a SELECT list that stands for that column: the mask for a ruled column, the column itself for
    /// any other. It has the column's type, character set and collation. Without an alias of its own.
    #[must_use]
    pub fn select_expression(&self, column: &str, refs: Refs<'_>) -> Expr {
        match self.column(column) {
            Some(masked) => self.reading_key(self.expression(masked, refs)),
            None => refs.column(column).into(),
        }
    }

    /// What is made of masks reads the key, if there is one.
    pub(super) fn reading_key(&self, sql: String) -> Expr {
        Expr::of_masks(sql, self.key.is_some())
    }

    /// The old value of a ruled column where its mask replaces it, NULL where it stays or is longer than so many bytes:
    /// for a SELECT list. Text comes in `utf8mb4`.
    #[must_use]
    pub fn replaced(&self, column: &str, bytes_max: u64, refs: Refs<'_>) -> Option<Expr> {
        let masked = self.column(column)?;
        let name = refs.column(&masked.name);
        let mut left = self.kept(masked, self.row(masked, refs));
        left.push(format!("OCTET_LENGTH({name}) > {bytes_max}"));
        let left: String = left.iter().map(|left| format!(" WHEN {left} THEN NULL")).collect();
        let value = if masked.column.is_text() { format!("CONVERT({name} USING utf8mb4)") } else { name };
        Some(self.reading_key(format!("CASE{left} ELSE {value} END")))
    }

    /// NULL stays NULL, what `exclude` names stays, rows that `where` leaves out stay, everything else is made anew.
    fn expression(&self, masked: &MaskedColumn, refs: Refs<'_>) -> String {
        let column = refs.column(&masked.name);
        let row = self.row(masked, refs);
        let value = masked.behaviour().value(&masked.column, &self.own(masked), row);
        let kept = self.kept(masked, row);
        if masked.mask == Mask::Null && kept.is_empty() {
            return value;
        }
        let kept: String = kept.iter().map(|kept| format!(" WHEN {kept} THEN {column}")).collect();
        format!("CASE WHEN {column} IS NULL THEN NULL{kept} ELSE {value} END")
    }

    /// The conditions under which a value stays. A condition of `where` that is unknown masks: a row stays only where
    /// it is false for certain.
    pub(super) fn kept(&self, masked: &MaskedColumn, row: Row<'_>) -> Vec<String> {
        let column = row.refs.column(&masked.name);
        let mut kept: Vec<String> = masked.kept.iter().map(|pattern| pattern.like(&column)).collect();
        if let Some(condition) = &masked.condition {
            kept.push(format!("{} IS FALSE", condition.sql(&self.own(masked), row)));
        }
        kept
    }
}

impl MaskedColumn {
    fn collation(&self) -> &str {
        self.column.collation.as_deref().unwrap_or_default()
    }

    pub(super) fn behaviour(&self) -> &dyn Behaviour {
        self.mask.behaviour(self.keyed.is_some())
    }

    /// Whether its results are functions of the old values, the same in every run.
    pub(super) fn follows_value(&self) -> bool {
        self.keyed.is_some() && self.mask.follows_value()
    }

    /// Whether the rule is for some rows only.
    #[must_use]
    pub fn has_condition(&self) -> bool {
        self.condition.is_some()
    }

    /// The patterns whose values stay as they are.
    pub fn exclude(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(Pattern::text)
    }

    /// Everything that the rule says, for digests: it tells each rule from every other.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{:?} {:?}", self.mask, self.condition)
    }
}

/// Column names compare without case on every server.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, nullable, rule_but, schema, table};
    use super::super::{Facts, Rule, plan};
    use super::*;

    fn rule(column: &str, mask: Mask, exclude: &[&str]) -> Rule {
        rule_but("t", column, mask, exclude)
    }

    fn masks(table: crate::schema::Table, rules: &[Rule]) -> TableMasks {
        let facts = Facts { salt: "5a17", ..Facts::default() };
        plan(rules, &schema(vec![table]), &facts).unwrap().for_table("t").unwrap().clone()
    }

    #[test]
    fn nulls_and_excluded_values_stay() {
        let table =
            table("t", vec![column("id", "int"), nullable("mail", "varchar(99)")]).key(&["id"]).done();
        let masks = masks(table, &[rule("MAIL", Mask::Email, &["*@a.com", "root@*"])]);
        let expected = "CASE WHEN `mail` IS NULL THEN NULL WHEN `mail` LIKE '%@a.com' ESCAPE '|' THEN `mail` \
             WHEN `mail` LIKE 'root@%' ESCAPE '|' THEN `mail` \
             ELSE CONVERT(CONCAT(UUID(), _ascii'@example.test') USING utf8mb4) COLLATE utf8mb4_general_ci END";
        assert_eq!(masks.select_expression("mail", Refs::Bare).sql(), expected);
        assert_eq!(masks.update_assignments().unwrap(), [(Ident::new("mail"), Expr::from(expected))]);
        let alias = Ident::new("s");
        let aliased = masks.select_expression("mail", Refs::Of(&alias));
        assert_eq!(aliased.sql(), expected.replace("`mail`", "`s`.`mail`"));
        assert_eq!(masks.select_expression("id", Refs::Of(&alias)).sql(), "`s`.`id`");
    }

    #[test]
    fn null_masks_need_no_case() {
        let table = table("t", vec![nullable("a", "json"), nullable("b", "varchar(9)")]).done();
        let masks = masks(table, &[rule("a", Mask::Null, &[]), rule("b", Mask::Null, &["x*"])]);
        assert_eq!(masks.select_expression("a", Refs::Bare).sql(), "NULL");
        assert_eq!(
            masks.select_expression("b", Refs::Bare).sql(),
            "CASE WHEN `b` IS NULL THEN NULL WHEN `b` LIKE 'x%' ESCAPE '|' THEN `b` ELSE NULL END"
        );
    }

    #[test]
    fn binary_columns_get_binary_values() {
        let table = table("t", vec![column("a", "varbinary(60)"), column("b", "binary(40)")]).done();
        let masks = masks(table, &[rule("a", Mask::LocalIp, &[]), rule("b", Mask::Text, &[])]);
        assert!(masks.select_expression("a", Refs::Bare).sql().ends_with("AS BINARY) END"));
        assert!(masks.select_expression("b", Refs::Bare).sql().ends_with("AS BINARY(40)) END"));
    }

    #[test]
    fn a_key_is_assigned_after_the_masks_that_read_it() {
        let table =
            table("t", vec![column("mail", "varchar(99)"), column("x", "varchar(99)")]).key(&["mail"]).done();
        let rules = [rule("mail", Mask::Email, &[]), rule("x", Mask::Name, &[])];
        let masks = masks(table, &rules);
        let order: Vec<_> = masks.update_assignments().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(order, [Ident::new("x"), Ident::new("mail")]);
        assert!(masks.changes_key);
        assert!(masks.select_expression("x", Refs::Bare).sql().contains("SHA2(CONCAT(_ascii'5a17'"));
    }

    #[test]
    fn a_key_that_reads_itself_is_no_cycle_and_two_that_read_each_other_are() {
        let columns = || vec![column("a", "varchar(99)"), column("b", "varchar(99)")];
        let alone = masks(table("t", columns()).key(&["a"]).done(), &[rule("a", Mask::Name, &[])]);
        assert_eq!(alone.update_assignments().unwrap().len(), 1);
        let both = [rule("a", Mask::Name, &[]), rule("b", Mask::Name, &[])];
        let masks = masks(table("t", columns()).key(&["a", "b"]).done(), &both);
        let error = masks.update_assignments().unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Config);
        assert!(error.what().contains("`a`, `b`"), "{error}");
        assert!(error.hint_text().unwrap().contains("mask_at = \"copy\""));
        assert!(masks.select_expression("a", Refs::Bare).sql().contains("CAST(`b` AS BINARY)"));
    }

    #[test]
    fn the_salt_is_not_printed() {
        let masks = masks(table("t", vec![column("a", "varchar(99)")]).done(), &[rule("a", Mask::Text, &[])]);
        assert!(!format!("{masks:?}").contains("5a17"));
    }
}
