//! `sql`: an expression of the configuration.

use super::super::check::known_columns;
use super::super::identity::{HEX_DIGITS, Identity};
use super::super::pattern::Token;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::options::{Options, Refusal, missing};
use super::room::{cannot_hold, known_charset, problem};
use super::{Behaviour, DISTINCT_HEX, Distinct, Expression, Mask, Own, Place, Row, Unchanged};
use crate::schema::Column;

const OPTION: &str = "expression";

pub(super) fn make(options: &mut Options<'_>) -> Result<Mask, Refusal> {
    let text = options
        .text(OPTION)?
        .ok_or_else(|| missing("sql", OPTION, "expression = \"CONCAT('Customer ', {id})\""))?;
    let expression = Expression::parse(OPTION, text)?;
    if expression.is_own_value("") {
        return Err(Refusal::of(
            OPTION,
            "has `expression` that gives every value back as it is",
            "write what the value becomes; to keep a column leave the rule out",
        ));
    }
    Ok(Mask::Sql(expression))
}

/// Types whose values an expression can make.
fn is_possible(column: &Column) -> bool {
    column.is_text()
        || column.is_binary()
        || column.is_integer()
        || column.is_temporal()
        || matches!(
            column.data_type.as_str(),
            "decimal"
                | "float"
                | "double"
                | "json"
                | "enum"
                | "set"
                | "time"
                | "year"
                | "uuid"
                | "inet4"
                | "inet6"
        )
}

impl Behaviour for Expression {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        if !is_possible(place.one.column) {
            return Err(cannot_hold(place.one));
        }
        known_charset(place.one)?;
        known_columns(place.one, &place.own, OPTION, self)?;
        if self.is_own_value(place.own.name) {
            return Err(problem(
                place.one,
                "has the `expression` of nothing but itself, so that every value stays",
                "write what the value becomes; to keep a column leave the rule out",
            ));
        }
        Ok(if place.in_unique_index { DISTINCT_HEX } else { HEX_DIGITS })
    }

    fn value(&self, column: &Column, own: &Own<'_>, row: Row<'_>) -> String {
        Cast::of(column).wrap(&self.sql(own, row))
    }

    fn reads_identity(&self) -> bool {
        Self::reads_identity(self)
    }

    fn reads(&self, own: &Own<'_>) -> Vec<String> {
        Self::reads(self, own)
    }

    /// Whoever names the row's identity means distinct values; whether they are is not ours to prove.
    fn distinct(&self, identity: &Identity, _hex: u64) -> Distinct {
        match identity.distinct_within() {
            Some(_) if Self::reads_identity(self) => Distinct::Perhaps,
            _ => Distinct::No,
        }
    }

    fn shape(&self) -> Vec<Token> {
        vec![Token::Any]
    }

    fn unchanged(&self, _column: &Column, own: &Own<'_>, _row: Row<'_>) -> Unchanged {
        if Self::reads(self, own).iter().any(|name| name == own.name) {
            Unchanged::Sometimes
        } else if self.varies() {
            Unchanged::Unknown
        } else {
            Unchanged::WhereMasked
        }
    }
}
