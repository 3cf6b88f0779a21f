//! The mask types. [`TYPES`] is the one table of them: name, options, result, and how a rule's options become a
//! [`Mask`]. What a type does with a column is its [`Behaviour`]; one module per family. A new type is a line in the
//! table, a variant, and a behaviour.

mod date;
mod digits;
mod expression;
mod fixed;
mod invented;
mod ip;
mod json;
mod keyed;
mod lists;
mod number;
mod options;
mod permute;
mod pick;
mod pieces;
mod room;
mod seed;
mod sql;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod tokens;
mod words;

pub use date::Shift;
pub use expression::Expression;
pub use fixed::Fixed;
pub use invented::Invented;
pub use json::Json;
pub use number::Noise;
pub use options::{OptionSpec, OptionValue, Refusal};
pub use pick::Pick;
pub use text::{Keep, Truncate};
pub use token::Token;

pub(super) use keyed::Reading;
pub(super) use permute::bits as token_bits;
pub(super) use pieces::{DISTINCT_HEX, Null, Pieces, ascii, random_hex};
pub(super) use room::{integer_range, problem};

use super::identity::{Identity, Refs};
use super::nearest::nearest;
use super::pattern;
use super::problem::Problem;
use super::resolve::Ruled;
use crate::schema::{Column, Flavour};
use digits::Digits;
use ip::Ip;
use options::{Options, missing};
use std::fmt;

/// How a column is sanitized.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mask {
    /// A random address at `example.test`; with a key made of the old value.
    Email,
    /// `User_` and the row's identity; with a key, digits made of the old value.
    Name,
    /// `+1555` and the row's identity, seven digits at least; with a key, digits made of the old value.
    Phone,
    /// `text_` and 32 hex digits, random or made of the old value.
    Text,
    /// A bcrypt hash, the same in every row.
    Hash {
        /// No password matches it; otherwise the password is `password`.
        unusable: bool,
    },
    /// NULL.
    Null,
    /// The row's identity and `Example St`; with a key, digits made of the old value.
    Address,
    /// A random address in 192.168.0.0/16.
    LocalIp,
    /// Hex digits; with a key made of the old value, and in integer columns another number.
    Token(Token),
    /// An SQL expression of the row.
    Sql(Expression),
    /// The same value in every row.
    Fixed(Fixed),
    /// The ends of a text.
    Keep(Keep),
    /// The beginning of a text.
    Truncate(Truncate),
    /// Masks inside a JSON document.
    Json(Json),
    /// Another day.
    Shift(Shift),
    /// Another number near by.
    Noise(Noise),
    /// A name, an address or a company from built-in lists.
    Invented(Invented),
    /// One of the configuration's values.
    Pick(Pick),
    /// An IP address of the ranges for documentation.
    Ip,
    /// The old value with other digits.
    Digits,
}

/// One mask type of the configuration.
pub struct MaskType {
    /// What `type` says.
    pub name: &'static str,
    /// Options of its own, beside [`COMMON`].
    pub options: &'static [OptionSpec],
    make: fn(&mut Options<'_>) -> Result<Mask, Refusal>,
}

impl fmt::Debug for MaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn spec(name: &'static str, shape: &'static str) -> OptionSpec {
    OptionSpec { name, shape }
}

/// Options of every type.
pub const COMMON: &[OptionSpec] = &[spec("exclude", "a list of strings"), spec("where", "a string")];

/// Every type, in the documented order.
pub const TYPES: &[MaskType] = &[
    MaskType { name: "email", options: &[], make: |_| Ok(Mask::Email) },
    MaskType { name: "name", options: &[], make: |_| Ok(Mask::Name) },
    MaskType { name: "phone", options: &[], make: |_| Ok(Mask::Phone) },
    MaskType { name: "text", options: &[], make: |_| Ok(Mask::Text) },
    MaskType {
        name: "hash",
        options: &[spec("unusable", "true or false")],
        make: |options| Ok(Mask::Hash { unusable: options.flag("unusable")? }),
    },
    MaskType { name: "null", options: &[], make: |_| Ok(Mask::Null) },
    MaskType { name: "address", options: &[], make: |_| Ok(Mask::Address) },
    MaskType { name: "local_ip", options: &[], make: |_| Ok(Mask::LocalIp) },
    MaskType { name: "token", options: &[spec("length", "a whole number")], make: token::make },
    MaskType { name: "sql", options: &[spec("expression", "a string")], make: sql::make },
    MaskType {
        name: "fixed",
        options: &[spec("value", "a string, a number or a boolean")],
        make: fixed::make,
    },
    MaskType {
        name: "keep",
        options: &[
            spec("first", "a whole number"),
            spec("last", "a whole number"),
            spec("mask", "one character"),
        ],
        make: text::make_keep,
    },
    MaskType {
        name: "truncate",
        options: &[spec("length", "a whole number")],
        make: |options| {
            let length = options.number("length", 0, u32::MAX)?;
            let length = length.ok_or_else(|| missing("truncate", "length", "length = 3"))?;
            Ok(Mask::Truncate(Truncate { length }))
        },
    },
    MaskType { name: "json", options: &[spec("paths", "a table of rules")], make: json::make },
    MaskType {
        name: "shift",
        options: &[spec("days", "a whole number")],
        make: |options| {
            let days = options.number("days", 1, date::DAYS_MAX)?;
            Ok(Mask::Shift(Shift { days: days.ok_or_else(|| missing("shift", "days", "days = 30"))? }))
        },
    },
    MaskType {
        name: "noise",
        options: &[spec("percent", "a whole number")],
        make: |options| {
            let percent = options.number("percent", 1, 100)?;
            let percent = percent.ok_or_else(|| missing("noise", "percent", "percent = 10"))?;
            Ok(Mask::Noise(Noise { percent }))
        },
    },
    MaskType { name: "first_name", options: &[], make: |_| Ok(Mask::Invented(Invented::FirstName)) },
    MaskType { name: "last_name", options: &[], make: |_| Ok(Mask::Invented(Invented::LastName)) },
    MaskType { name: "full_name", options: &[], make: |_| Ok(Mask::Invented(Invented::FullName)) },
    MaskType { name: "street", options: &[], make: |_| Ok(Mask::Invented(Invented::Street)) },
    MaskType { name: "city", options: &[], make: |_| Ok(Mask::Invented(Invented::City)) },
    MaskType { name: "company", options: &[], make: |_| Ok(Mask::Invented(Invented::Company)) },
    MaskType { name: "pick", options: &[spec("values", "a list of strings or numbers")], make: pick::make },
    MaskType { name: "ip", options: &[], make: |_| Ok(Mask::Ip) },
    MaskType { name: "digits", options: &[], make: |_| Ok(Mask::Digits) },
];

/// What a rule says: its type with its options, and what every type has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The mask.
    pub mask: Mask,
    /// Patterns of values that stay.
    pub exclude: Vec<String>,
    /// Rows for which this is false keep their values.
    pub condition: Option<Expression>,
}

/// Reads a rule's type and options.
///
/// # Errors
/// An unknown type or option (with the nearest name), a missing one, one of the wrong shape.
pub fn parse(type_name: &str, given: &[(String, OptionValue)]) -> Result<Parsed, Refusal> {
    let mut options = Options::new(given);
    let kind = find(type_name)?;
    let mask = (kind.make)(&mut options)?;
    let exclude = options.texts("exclude")?;
    let condition = options.text("where")?.map(|text| Expression::parse("where", text)).transpose()?;
    let known: Vec<&str> = COMMON.iter().chain(kind.options).map(|option| option.name).collect();
    options.finish(type_name, &known)?;
    Ok(Parsed { mask, exclude, condition })
}

fn find(type_name: &str) -> Result<&'static MaskType, Refusal> {
    TYPES.iter().find(|kind| kind.name == type_name).ok_or_else(|| {
        // The text is not shown: it may be a secret in the wrong place.
        let hint = match nearest(type_name, TYPES.iter().map(|kind| kind.name)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("types are {}", names().join(", ")),
        };
        Refusal::of_type("has an unknown type", hint)
    })
}

/// All names, in the documented order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    TYPES.iter().map(|kind| kind.name).collect()
}

/// A ruled column and its table's columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    /// The ruled column's name.
    pub name: &'a str,
    /// The table's stored columns.
    pub table: &'a [String],
}

impl<'a> Own<'a> {
    /// The stored column of that name, as the table spells it.
    pub fn stored(&self, name: &str) -> Option<&'a str> {
        self.table.iter().find(|column| super::render::same(column, name)).map(String::as_str)
    }
}

/// What an expression over one row is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub identity: &'a Identity,
    pub refs: Refs<'a>,
    /// SQL of what salts the hash of an identity.
    pub salt: &'a str,
    /// Hex digits of an identity that is not a number, or of a keyed hash.
    pub hex: u64,
    /// How the old value is read where masks are functions of it; none where they are made anew.
    pub keyed: Option<Reading>,
    pub flavour: Flavour,
}

/// A column about to be ruled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub one: &'a Ruled<'a>,
    pub own: Own<'a>,
    pub identity: &'a Identity,
    pub in_unique_index: bool,
    /// Whether masks are functions of old values.
    pub keyed: bool,
}

/// Whether results tell rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distinct {
    /// By so many of their first characters.
    Within(u64),
    /// Perhaps: only the database can say.
    Perhaps,
    /// They do not.
    No,
}

/// When a value may be the same after masking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unchanged {
    /// Never.
    Never,
    /// Where the mask, made for the source's row, is the source's value.
    WhereMasked,
    /// Where the source's row fulfils this condition.
    Where(String),
    /// Here and there, but not everywhere.
    Sometimes,
    /// By chance: nothing can be said.
    Unknown,
}

/// What a mask type does with a column.
pub(super) trait Behaviour {
    /// Whether the column can hold the results; gives the hex digits of the identity.
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem>;

    /// The SQL of a new value, of the column's own type.
    fn value(&self, column: &Column, own: &Own<'_>, row: Row<'_>) -> String;

    /// Whether the result depends on the row's identity.
    fn reads_identity(&self) -> bool {
        false
    }

    /// Columns that the result depends on, apart from those of the identity.
    fn reads(&self, _own: &Own<'_>) -> Vec<String> {
        Vec::new()
    }

    fn distinct(&self, _identity: &Identity, _hex: u64) -> Distinct {
        Distinct::No
    }

    /// What results look like when the identity is a number.
    fn shape(&self) -> Vec<pattern::Token> {
        vec![pattern::Token::Any]
    }

    fn unchanged(&self, column: &Column, own: &Own<'_>, row: Row<'_>) -> Unchanged;
}

impl Mask {
    /// The name in the configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Text => "text",
            Self::Hash { .. } => "hash",
            Self::Null => "null",
            Self::Address => "address",
            Self::LocalIp => "local_ip",
            Self::Token(_) => "token",
            Self::Sql(_) => "sql",
            Self::Fixed(_) => "fixed",
            Self::Keep(_) => "keep",
            Self::Truncate(_) => "truncate",
            Self::Json(_) => "json",
            Self::Shift(_) => "shift",
            Self::Noise(_) => "noise",
            Self::Invented(invented) => invented.name(),
            Self::Pick(_) => "pick",
            Self::Ip => "ip",
            Self::Digits => "digits",
        }
    }

    /// What it does with a column; `keyed`: where masks are functions of old values.
    pub(super) fn behaviour(&self, keyed: bool) -> &dyn Behaviour {
        match self {
            Self::Token(token) => token,
            Self::Sql(expression) => expression,
            Self::Fixed(fixed) => fixed,
            Self::Keep(keep) => keep,
            Self::Truncate(truncate) => truncate,
            Self::Json(json) => json,
            Self::Shift(shift) => shift,
            Self::Noise(noise) => noise,
            Self::Invented(invented) => invented,
            Self::Pick(pick) => pick,
            Self::Ip => &Ip,
            Self::Digits => &Digits,
            other => match other.pieces(keyed) {
                Some(pieces) => pieces,
                None => &Null,
            },
        }
    }

    /// Whether, with a key, its results are functions of the old values, and differ where those did.
    pub(super) fn follows_value(&self) -> bool {
        matches!(self, Self::Email | Self::Name | Self::Phone | Self::Text | Self::Address | Self::Token(_))
    }

    /// The pieces of a mask that is put together from such.
    pub(super) fn pieces(&self, keyed: bool) -> Option<&'static Pieces> {
        Some(match self {
            Self::Email if keyed => &pieces::KEYED_EMAIL,
            Self::Name if keyed => &pieces::KEYED_NAME,
            Self::Phone if keyed => &pieces::KEYED_PHONE,
            Self::Text if keyed => &pieces::KEYED_TEXT,
            Self::Address if keyed => &pieces::KEYED_ADDRESS,
            Self::Email => &pieces::EMAIL,
            Self::Name => &pieces::NAME,
            Self::Phone => &pieces::PHONE,
            Self::Text => &pieces::TEXT,
            Self::Hash { unusable: false } => &pieces::HASH,
            Self::Hash { unusable: true } => &pieces::UNUSABLE_HASH,
            Self::Address => &pieces::ADDRESS,
            Self::LocalIp => &pieces::LOCAL_IP,
            _ => return None,
        })
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
