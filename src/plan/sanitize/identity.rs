//! The identity of a row: what tells the masked values of one row from those of another. A number that only the
//! database gave out is used as it is; anything else may name a person, so only a salted hash of it is used.

use super::render::same;
use super::types::{DISTINCT_HEX, random_hex};
use crate::schema::{Column, Generated, Table};
use crate::sql::Ident;

/// How an expression names the columns of its row.
#[derive(Debug, Clone, Copy)]
pub enum Refs<'a> {
    /// `` `email` ``
    Bare,
    /// `` `alias`.`email` ``, where a statement reads more than one table.
    Of(&'a Ident),
    /// `` `copy`.`role` ``, but for ruled columns `` `source`.`email` ``: one row of both, where the copy is masked.
    Both {
        /// The copy's alias.
        copy: &'a Ident,
        /// The source's alias.
        source: &'a Ident,
        /// The ruled columns.
        ruled: &'a [String],
    },
}

impl Refs<'_> {
    /// The reference to that column.
    #[must_use]
    pub fn column(&self, name: &str) -> String {
        match self {
            Self::Bare => Ident::new(name).to_string(),
            Self::Of(alias) => format!("{alias}.{}", Ident::new(name)),
            Self::Both { copy, source, ruled } => {
                let alias = if ruled.iter().any(|column| same(column, name)) { source } else { copy };
                format!("{alias}.{}", Ident::new(name))
            }
        }
    }
}

/// What stands for a row of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// An integer column as it is.
    Number {
        column: String,
        /// Zeros that the column's display adds are taken off: copies may not have them.
        zerofill: bool,
        /// Rows without a value get a random one.
        nullable: bool,
        /// No two rows have the same.
        unique: bool,
        /// Characters of the widest value, the sign included.
        digits: u64,
    },
    /// Hex digits of a salted hash over these columns.
    Hash {
        parts: Vec<KeyPart>,
        /// A row whose part is NULL gets a random value.
        nullable: bool,
        unique: bool,
    },
    /// Made per row and per expression.
    Random,
}

/// A column that is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPart {
    column: String,
    /// FLOAT prints six digits only: as DOUBLE it prints all of them.
    float: bool,
}

/// Hex digits of an identity whose column need not be unique.
pub(super) const HEX_DIGITS: u64 = 12;
/// Hex digits of an identity where the column has room for them.
const MOST_HEX: u64 = 32;

impl Identity {
    /// The identity of `table`'s rows. `widest` is the length of the widest number if it was measured.
    pub fn of(table: &Table, is_ruled: impl Fn(&str) -> bool, widest: Option<u64>) -> Self {
        if let [name] = table.primary_key.as_slice()
            && let Some(column) = usable(table, name)
            && column.is_integer()
            && !is_ruled(name)
        {
            return Self::number(column, true, widest);
        }
        let key = table.row_key();
        let parts: Option<Vec<_>> = key.iter().map(|name| usable(table, name).map(KeyPart::of)).collect();
        match parts {
            Some(parts) if !parts.is_empty() => Self::Hash { parts, nullable: false, unique: true },
            _ => Self::without_key(table, is_ruled, widest),
        }
    }

    fn without_key(table: &Table, is_ruled: impl Fn(&str) -> bool, widest: Option<u64>) -> Self {
        match usable(table, "id") {
            Some(column) if column.is_integer() && !is_ruled(&column.name) => {
                Self::number(column, false, widest)
            }
            Some(column) => {
                Self::Hash { parts: vec![KeyPart::of(column)], nullable: column.nullable, unique: false }
            }
            None => Self::Random,
        }
    }

    fn number(column: &Column, unique: bool, widest: Option<u64>) -> Self {
        Self::Number {
            column: column.name.clone(),
            zerofill: column.column_type.contains("zerofill"),
            nullable: column.nullable,
            unique,
            digits: widest.unwrap_or_else(|| type_digits(column)),
        }
    }

    /// The longest text of it; `hex` digits where it is not a number.
    pub fn width(&self, hex: u64) -> u64 {
        match self {
            Self::Number { digits, nullable: false, .. } => *digits,
            Self::Number { digits, nullable: true, .. } => hex.max(*digits),
            Self::Hash { .. } | Self::Random => hex,
        }
    }

    /// How many of its characters tell rows apart; none if it does not.
    pub fn distinct_within(&self) -> Option<u64> {
        match self {
            Self::Number { unique: true, digits, .. } => Some(*digits),
            Self::Hash { unique: true, .. } | Self::Random => Some(DISTINCT_HEX),
            Self::Number { .. } | Self::Hash { .. } => None,
        }
    }

    /// Whether its texts can be guessed, so that an existing value may look the same.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number { .. })
    }

    /// How many hex digits to use with `room` characters for them; none if they are too few. Numbers need none.
    pub fn hex_digits(&self, room: u64, in_unique_index: bool) -> Option<u64> {
        match self {
            Self::Number { nullable: false, .. } => Some(HEX_DIGITS),
            _ if in_unique_index => (room >= DISTINCT_HEX).then(|| room.min(MOST_HEX)),
            _ => (room >= HEX_DIGITS).then_some(HEX_DIGITS),
        }
    }

    /// The columns that it reads.
    pub fn reads(&self) -> Vec<&str> {
        match self {
            Self::Number { column, .. } => vec![column],
            Self::Hash { parts, .. } => parts.iter().map(|part| part.column.as_str()).collect(),
            Self::Random => Vec::new(),
        }
    }

    /// Its SQL; `salt` is that of what salts a hash. `pad`: with zeros to so many digits, never cut (LPAD alone cuts, and cut numbers collide); hex
    /// digits are more than any padding asks for.
    pub fn sql(&self, refs: Refs<'_>, salt: &str, hex: u64, pad: Option<u64>) -> String {
        let (sql, nullable) = match self {
            Self::Number { column, zerofill, nullable, .. } => {
                (number_sql(&refs.column(column), *zerofill, pad), *nullable)
            }
            Self::Hash { parts, nullable, .. } => (hash_sql(parts, refs, salt, hex), *nullable),
            Self::Random => (random_hex(hex), false),
        };
        if nullable { format!("COALESCE({sql}, {})", random_hex(hex)) } else { sql }
    }
}

impl KeyPart {
    fn of(column: &Column) -> Self {
        Self { column: column.name.clone(), float: column.data_type == "float" }
    }
}

/// The column, unless it is generated: workspace copies have no generated columns.
fn usable<'a>(table: &'a Table, name: &str) -> Option<&'a Column> {
    table.column(name).filter(|column| column.generated == Generated::No)
}

fn number_sql(column: &str, zerofill: bool, pad: Option<u64>) -> String {
    let number = if zerofill { format!("({column} + 0)") } else { column.to_owned() };
    match pad {
        Some(digits) => format!("LPAD({number}, GREATEST({digits}, CHAR_LENGTH({number})), '0')"),
        None => number,
    }
}

/// Bytes rather than text: `CAST(… AS BINARY)` gives every key type its stored or printed bytes on both servers,
/// whatever the character set. Each part carries its length, so ('a', 'bc') and ('ab', 'c') differ.
fn hash_sql(parts: &[KeyPart], refs: Refs<'_>, salt: &str, hex: u64) -> String {
    let mut hashed = salt.to_owned();
    for part in parts {
        let column = refs.column(&part.column);
        let value = if part.float { format!("{column} + 0e0") } else { column };
        let bytes = format!("CAST({value} AS BINARY)");
        hashed.push_str(&format!(", LENGTH({bytes}), ':', HEX({bytes})"));
    }
    format!("LEFT(SHA2(CONCAT({hashed}), 256), {hex})")
}

/// The widest value that the type can hold, in characters.
fn type_digits(column: &Column) -> u64 {
    let unsigned = column.column_type.contains("unsigned") || column.column_type.contains("zerofill");
    match (column.data_type.as_str(), unsigned) {
        ("tinyint", true) => 3,
        ("tinyint", false) => 4,
        ("smallint", true) => 5,
        ("smallint", false) => 6,
        ("mediumint", _) => 8,
        ("int", true) => 10,
        ("int", false) => 11,
        _ => 20,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{column, table};
    use super::*;

    fn unruled(_: &str) -> bool {
        false
    }

    fn sql(identity: &Identity) -> String {
        identity.sql(Refs::Bare, "_ascii'5a17'", 12, None)
    }

    #[test]
    fn a_single_integer_primary_key_is_used_as_it_is() {
        for (ty, digits) in [
            ("bigint(20) unsigned", 20),
            ("bigint(20)", 20),
            ("int(11)", 11),
            ("int", 11),
            ("int unsigned", 10),
            ("mediumint(9)", 8),
            ("smallint(6)", 6),
            ("smallint(5) unsigned", 5),
            ("tinyint(4)", 4),
            ("tinyint(3) unsigned", 3),
        ] {
            let table = table("t", vec![column("Nr", ty)]).key(&["Nr"]).done();
            let identity = Identity::of(&table, unruled, None);
            assert_eq!(sql(&identity), "`Nr`", "{ty}");
            assert_eq!(identity.width(12), digits, "{ty}");
            assert_eq!(identity.distinct_within(), Some(digits), "{ty}");
            assert_eq!(Identity::of(&table, unruled, Some(3)).width(12), 3, "{ty}");
        }
        let filled = table("t", vec![column("id", "int(10) unsigned zerofill")]).key(&["id"]).done();
        assert_eq!(sql(&Identity::of(&filled, unruled, None)), "(`id` + 0)");
    }

    #[test]
    fn any_other_key_is_hashed_with_its_lengths_and_the_salt() {
        let part = |c: &str| format!(", LENGTH(CAST({c} AS BINARY)), ':', HEX(CAST({c} AS BINARY))");
        let hash = |parts: &str| format!("LEFT(SHA2(CONCAT(_ascii'5a17'{parts}), 256), 12)");
        let uuid = table("t", vec![column("key", "binary(16)")]).key(&["key"]).done();
        assert_eq!(sql(&Identity::of(&uuid, unruled, None)), hash(&part("`key`")));
        let both = table("t", vec![column("a", "int"), column("b", "float")]).key(&["a", "b"]).done();
        assert_eq!(sql(&Identity::of(&both, unruled, None)), hash(&(part("`a`") + &part("`b` + 0e0"))));
        let unique =
            table("t", vec![column("id", "int"), column("mail", "varchar(9)")]).unique(&["mail"]).done();
        let identity = Identity::of(&unique, unruled, None);
        assert_eq!(sql(&identity), hash(&part("`mail`")));
        assert_eq!(identity.distinct_within(), Some(20));
    }

    #[test]
    fn a_key_column_with_a_rule_is_never_used_raw() {
        let table = table("t", vec![column("id", "int")]).key(&["id"]).done();
        let identity = Identity::of(&table, |name| name == "id", None);
        assert!(matches!(identity, Identity::Hash { unique: true, .. }));
        let keyless = super::super::fixture::table("t", vec![column("ID", "int")]).done();
        assert!(matches!(Identity::of(&keyless, |name| name == "ID", None), Identity::Hash { .. }));
    }

    #[test]
    fn tables_without_a_key_use_a_column_id_or_chance() {
        let with_id = table("t", vec![column("x", "int"), column("ID", "int")]).done();
        let identity = Identity::of(&with_id, unruled, None);
        assert_eq!(sql(&identity), "`ID`");
        assert_eq!(identity.distinct_within(), None);
        let mut holes = column("id", "int");
        holes.nullable = true;
        let identity = Identity::of(&table("t", vec![holes]).done(), unruled, None);
        assert_eq!(sql(&identity), "COALESCE(`id`, LEFT(SHA2(CONCAT(UUID(), RAND()), 256), 12))");
        assert_eq!(identity.width(12), 12);
        let natural = table("t", vec![column("id", "varchar(90)")]).done();
        assert!(sql(&Identity::of(&natural, unruled, None)).contains("SHA2(CONCAT(_ascii'5a17'"));
        let none = Identity::of(&table("t", vec![column("x", "int")]).done(), unruled, None);
        assert_eq!(none, Identity::Random);
        assert_eq!(sql(&none), "LEFT(SHA2(CONCAT(UUID(), RAND()), 256), 12)");
    }

    #[test]
    fn generated_keys_are_not_read_because_copies_lack_them() {
        let mut generated = column("g", "int");
        generated.generated = Generated::Stored;
        let table = table("t", vec![generated]).key(&["g"]).done();
        assert_eq!(Identity::of(&table, unruled, None), Identity::Random);
    }

    #[test]
    fn padding_never_cuts() {
        let table = table("t", vec![column("id", "int")]).key(&["id"]).done();
        let identity = Identity::of(&table, unruled, None);
        assert_eq!(
            identity.sql(Refs::Of(&Ident::new("s")), "00", 12, Some(7)),
            "LPAD(`s`.`id`, GREATEST(7, CHAR_LENGTH(`s`.`id`)), '0')"
        );
    }

    #[test]
    fn hex_digits_follow_the_room_and_the_index() {
        for (room, unique, digits) in [
            (11, false, None),
            (12, false, Some(12)),
            (500, false, Some(12)),
            (19, true, None),
            (20, true, Some(20)),
            (27, true, Some(27)),
            (500, true, Some(32)),
        ] {
            assert_eq!(Identity::Random.hex_digits(room, unique), digits, "{room} {unique}");
        }
    }
}
