//! `pick`: one of the configuration's own values.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::expression::literal;
use super::fixed::Fixed;
use super::options::{OptionValue, Options, Refusal, missing, wrong};
use super::room::problem;
use super::seed::{one_of, seed};
use super::{Behaviour, Mask, Own, Place, Row, Unchanged};
use crate::schema::Column;

const NAME: &str = "pick";
const OPTION: &str = "values";
/// Most values: all of them are in every statement.
const VALUES_MAX: usize = 500;

/// One of these values; one that is there twice comes twice as often.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pick {
    values: Vec<Fixed>,
}

pub(super) fn make(options: &mut Options<'_>) -> Result<Mask, Refusal> {
    let example = "values = [\"basic\", \"pro\"]";
    let given = match options.take(OPTION) {
        Some(OptionValue::List(given)) => given,
        Some(other) => return Err(wrong(OPTION, "a list of strings or numbers", other)),
        None => return Err(missing(NAME, OPTION, example)),
    };
    let values: Vec<Fixed> = given
        .iter()
        .map(|value| match Fixed::of(value) {
            Some(fixed @ (Fixed::Text(_) | Fixed::Number(_))) => Ok(fixed),
            _ => Err(wrong(OPTION, "a list of strings or numbers", value)),
        })
        .collect::<Result<_, _>>()?;
    if values.len() > VALUES_MAX {
        let what = format!("has `{OPTION}` with more than {VALUES_MAX} entries");
        return Err(Refusal::of(OPTION, what, "write fewer: every statement holds all of them"));
    }
    if values.iter().all(|value| Some(value) == values.first()) {
        let what = format!("has `{OPTION}` without two different ones");
        return Err(Refusal::of(OPTION, what, "write two at least, or use the type `fixed` for one"));
    }
    Ok(Mask::Pick(Pick { values }))
}

/// Members of an ENUM need its character set: unlike one literal, a chosen one is not converted by itself.
fn cast(column: &Column) -> Cast {
    match &column.charset {
        Some(charset) if column.data_type == "enum" => {
            Cast::Text { charset: charset.clone(), collation: column.collation.clone() }
        }
        _ => Cast::of(column),
    }
}

impl Pick {
    /// The SQL of one of the values as JSON.
    pub(super) fn json(&self, old: &str, row: Row<'_>) -> String {
        let documents: Vec<_> = self
            .values
            .iter()
            .map(|value| match value {
                Fixed::Text(text) => literal(&serde_json::Value::from(text.as_str()).to_string()),
                other => literal(&other.json()),
            })
            .collect();
        one_of(&seed(old, NAME, row), 0, &documents)
    }

    fn literals(&self) -> Vec<String> {
        self.values.iter().map(|value| literal(value.text().unwrap_or_default())).collect()
    }
}

impl Behaviour for Pick {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        Fixed::column_is_possible(place.one)?;
        let column = place.one.column;
        let misfit = |(at, value): (usize, &Fixed)| Some((at + 1, value.misfit(column)?));
        match self.values.iter().enumerate().find_map(misfit) {
            None => Ok(HEX_DIGITS),
            Some((number, takes)) => {
                let is = format!(
                    "is `{}` and takes {takes}; number {number} of `{OPTION}` is something else",
                    column.data_type
                );
                Err(problem(place.one, &is, format!("correct `{OPTION}`, or use another type")))
            }
        }
    }

    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let seed = seed(&row.refs.column(&column.name), NAME, row);
        cast(column).wrap(&one_of(&seed, 0, &self.literals()))
    }

    /// An old value that is one of these may be chosen again. Floats and documents are not stored as they are written.
    fn unchanged(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        if row.keyed.is_some() {
            return Unchanged::WhereMasked;
        }
        if matches!(column.data_type.as_str(), "float" | "json") {
            return Unchanged::Unknown;
        }
        let cast = cast(column);
        let values: Vec<_> = self.literals().iter().map(|value| cast.wrap(value)).collect();
        Unchanged::Where(format!("{} IN ({})", row.refs.column(&column.name), values.join(", ")))
    }
}
