//! Keyed masks: what of an old value is hashed, and how.
//!
//! With a key, `email`, `name`, `phone`, `text`, `address` and `token` are functions of the old value: the same value
//! has the same mask in every table, column, pull and on either server. 64 digits are made of it:
//! `SHA2(CONCAT(@backfill_key, 'email:', SHA2(value, 256)), 256)`. The key comes first and has a block of SHA-256 for
//! itself; what follows has one length for each type, so nothing can be appended (and no result shows all digits of a
//! hash). The inner hash keeps long values below `max_allowed_packet`. The word before the value keeps types apart, not
//! columns: joins over masked columns hold.
//!
//! What counts as the same value:
//! - Texts are hashed as utf8mb4, whatever set they are stored in.
//! - Blanks at the end do not count where the collation pads.
//! - Capital ASCII letters are small ones where the collation is one of those that certainly take them for the same:
//!   what a join finds under the collation has the same mask. Only in texts that are wholly ASCII: there collations
//!   agree, and the servers' tables of letters do not matter. Beyond that every text has a mask of its own, whatever
//!   the collation takes for equal, so a unique index holds: masks differ wherever its values did. In any other
//!   collation, `_bin` and `_cs` above all, letters count as they are. A value with capitals has one mask in all columns
//!   that ignore them, and another one in those that do not.
//! - Bytes are hashed as they are, the zero bytes that pad BINARY included. Numbers and dates are hashed as they print.
//!
//! Columns that reference, or are referenced, must have equal masks wherever the collation says equal. `_bin` and binary
//! ones have; those that ignore the case have for texts of printable ASCII, and any other value there is refused by
//! the statement that meets it. Other collations are refused by the check.

use super::pieces::ascii;
use crate::schema::Column;
use crate::sql::KEY_VARIABLE;

/// How the hashed bytes are made of an old value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan::sanitize) enum Reading {
    /// The characters of a text.
    Text {
        /// Whether capital letters are small ones.
        folds: bool,
        /// Whether blanks at the end do not count.
        pads: bool,
        /// Whether texts that are not printable ASCII are refused.
        plain: bool,
    },
    /// Bytes as they are.
    Bytes,
    /// As the server prints it.
    Printed,
    /// As the server prints it, without the zeros of ZEROFILL.
    Number,
    /// FLOAT prints six digits only: as DOUBLE it prints all of them.
    Float,
}

impl Reading {
    /// How values of that column are read.
    pub fn of(column: &Column) -> Self {
        match column.data_type.as_str() {
            "float" => Self::Float,
            _ if column.column_type.contains("zerofill") => Self::Number,
            "bit" => Self::Bytes,
            _ if column.is_binary() => Self::Bytes,
            _ => match &column.collation {
                Some(collation) => Self::under(collation),
                None => Self::Printed,
            },
        }
    }

    /// How texts inside a document are read.
    pub fn inside_document() -> Self {
        Self::Text { folds: true, pads: true, plain: false }
    }

    fn under(collation: &str) -> Self {
        let pads = !collation.contains("_nopad") && !collation.contains("_0900_");
        Self::Text { folds: folds(collation), pads, plain: false }
    }

    /// The same for columns of keys, whose masks must be equal wherever their values are; none where that cannot be said.
    pub fn of_key(column: &Column) -> Option<Self> {
        match Self::of(column) {
            Self::Text { folds: true, pads, .. } => Some(Self::Text { folds: true, pads, plain: true }),
            exact @ Self::Text { .. } if is_exact(column) => Some(exact),
            Self::Text { .. } | Self::Float => None,
            other => Some(other),
        }
    }

    /// Whether values may be refused when they are read.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Text { plain: true, .. })
    }

    /// SQL of what is hashed.
    fn sql(self, value: &str) -> String {
        let Self::Text { folds, pads, plain } = self else {
            return match self {
                Self::Number => format!("CONVERT({value} + 0 USING utf8mb4)"),
                Self::Float => format!("CONVERT({value} + 0e0 USING utf8mb4)"),
                Self::Printed => format!("CONVERT({value} USING utf8mb4)"),
                Self::Bytes | Self::Text { .. } => format!("CAST({value} AS BINARY)"),
            };
        };
        let text = format!("CONVERT({value} USING utf8mb4)");
        let whole = if pads { format!("TRIM(TRAILING ' ' FROM {text})") } else { text.clone() };
        if plain {
            // An error is all that can be said from within: EXP of so much is out of range.
            let is_strange = format!("{text} COLLATE utf8mb4_bin REGEXP '[^ -~]'");
            return format!(
                "CASE WHEN {is_strange} THEN EXP(710 + CHAR_LENGTH({text})) ELSE LOWER({whole}) END"
            );
        }
        if folds {
            let is_ascii = format!("LENGTH({text}) = CHAR_LENGTH({text})");
            return format!("CASE WHEN {is_ascii} THEN LOWER({whole}) ELSE {whole} END");
        }
        whole
    }

    /// SQL of 64 hex digits, a function of the value, the purpose and the key.
    pub fn hash(self, value: &str, purpose: &str) -> String {
        let purpose = ascii(&format!("{purpose}:"));
        format!("SHA2(CONCAT({KEY_VARIABLE}, {purpose}, SHA2({}, 256)), 256)", self.sql(value))
    }

    /// SQL of so many decimal digits, 25 at most.
    pub fn digits(self, value: &str, purpose: &str, digits: u64) -> String {
        let hash = self.hash(value, purpose);
        let part = |from: u64, digits: usize| {
            let number = format!("CAST(CONV(SUBSTR({hash}, {from}, 15), 16, 10) AS UNSIGNED)");
            format!("LPAD({number} % 1{}, {digits}, '0')", "0".repeat(digits))
        };
        // 60 bits each: many times what the digits hold, so that all of them are as likely.
        match digits {
            0..=13 => format!("LEFT({}, {digits})", part(1, 13)),
            _ => format!("LEFT(CONCAT({}, {}), {digits})", part(1, 13), part(16, 12)),
        }
    }
}

/// Whether the collation takes ASCII letters for the same whatever their case, alone and beside each other. Collations
/// of languages may not: in Turkish `I` is no capital `i`, in Danish `aA` is not `aa`.
fn folds(collation: &str) -> bool {
    let Some((_, rest)) = collation.split_once('_') else { return false };
    let rest: Vec<&str> = rest.split('_').filter(|word| *word != "nopad").collect();
    matches!(
        rest.as_slice(),
        ["general" | "unicode" | "swedish" | "german1", "ci"]
            | ["general", "mysql500", "ci"]
            | ["unicode", "520", "ci"]
            | ["0900" | "uca1400", "ai" | "as", "ci"]
    )
}

/// Whether only equal bytes are equal, but for blanks at the end.
fn is_exact(column: &Column) -> bool {
    column.collation.as_deref().is_some_and(|collation| collation.ends_with("_bin"))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::column;
    use super::*;

    fn under(collation: &str) -> Column {
        Column { collation: Some(collation.to_owned()), ..column("c", "varchar(99)") }
    }

    #[test]
    fn collations_say_what_is_the_same() {
        for (collation, folds, pads, key) in [
            ("utf8mb4_general_ci", true, true, true),
            ("utf8mb4_0900_ai_ci", true, false, true),
            ("utf8mb4_unicode_520_ci", true, true, true),
            ("utf8mb4_unicode_520_nopad_ci", true, false, true),
            ("utf8mb4_uca1400_ai_ci", true, true, true),
            ("utf8mb4_uca1400_nopad_as_ci", true, false, true),
            ("utf8mb4_general_nopad_ci", true, false, true),
            ("latin1_swedish_ci", true, true, true),
            ("ascii_general_ci", true, true, true),
            ("utf8mb4_bin", false, true, true),
            ("utf8mb4_nopad_bin", false, false, true),
            ("utf8mb4_0900_bin", false, false, true),
            ("utf8mb4_0900_as_cs", false, false, false),
            ("utf8mb4_uca1400_ai_cs", false, true, false),
            ("latin1_general_cs", false, true, false),
            ("utf8mb4_turkish_ci", false, true, false),
            ("utf8mb4_tr_0900_ai_ci", false, false, false),
            ("utf8mb4_danish_ci", false, true, false),
            ("latin1_german2_ci", false, true, false),
            ("utf8mb4_thai_520_w2", false, true, false),
        ] {
            let column = under(collation);
            assert_eq!(Reading::of(&column), Reading::Text { folds, pads, plain: false }, "{collation}");
            let expected = key.then_some(Reading::Text { folds, pads, plain: folds });
            assert_eq!(Reading::of_key(&column), expected, "{collation}");
        }
    }

    #[test]
    fn other_values_are_read_as_bytes_or_as_they_print() {
        for (ty, reading) in [
            ("binary(16)", Reading::Bytes),
            ("varbinary(16)", Reading::Bytes),
            ("blob", Reading::Bytes),
            ("bit(7)", Reading::Bytes),
            ("int(10) unsigned zerofill", Reading::Number),
            ("int", Reading::Printed),
            ("date", Reading::Printed),
            ("float", Reading::Float),
        ] {
            assert_eq!(Reading::of(&column("c", ty)), reading, "{ty}");
        }
    }

    #[test]
    fn the_key_is_named_and_not_written() {
        let text = Reading::of(&under("utf8mb4_bin"));
        let value = "TRIM(TRAILING ' ' FROM CONVERT(`c` USING utf8mb4))";
        let hash = format!("SHA2(CONCAT(@backfill_key, _ascii'email:', SHA2({value}, 256)), 256)");
        assert_eq!(text.hash("`c`", "email"), hash);
        let word = |from, digits, zeros: &str| {
            format!(
                "LPAD(CAST(CONV(SUBSTR({}, {from}, 15), 16, 10) AS UNSIGNED) % 1{zeros}, {digits}, '0')",
                hash.replace("email", "phone")
            )
        };
        let (first, second) = (word(1, 13, "0000000000000"), word(16, 12, "000000000000"));
        assert_eq!(text.digits("`c`", "phone", 10), format!("LEFT({first}, 10)"));
        assert_eq!(text.digits("`c`", "phone", 25), format!("LEFT(CONCAT({first}, {second}), 25)"));
    }
}
