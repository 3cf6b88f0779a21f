//! Whether values of one column fit into another.

use crate::schema::Column;
use crate::schema::ddl::types::ColumnType;

/// What a type can hold, as far as fitting is concerned.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// Least and greatest value.
    Integer(i128, i128),
    /// Digits before the point, after it, no negative values.
    Decimal(u32, u32, bool),
    Float,
    Double,
    Bit(u32),
    Date,
    /// Digits after the second.
    DateTime(u32),
    Timestamp(u32),
    Time(u32),
    Year,
    /// Most characters, most bytes.
    Text(u64, u64),
    /// Most bytes, padded with zeros to that length.
    Binary(u64, bool),
    Enum(Vec<String>),
    Set(Vec<String>),
    Json,
    Uuid,
    Inet(bool),
    Vector(u32),
    Spatial(&'static str),
}

/// Why values of `source` may not fit into `target`; none when all fit.
pub(super) fn misfit(source: &Column, target: &Column) -> Option<String> {
    if source.column_type == target.column_type && source.data_type == target.data_type {
        return None;
    }
    let (from, to) = (ColumnType::of(source), ColumnType::of(target));
    let fits = match (&from, &to) {
        (Ok(from), Ok(to)) => fits(&kind(from), &kind(to)),
        _ => false,
    };
    (!fits).then(|| format!("{} at the source, {} here", shown(source), shown(target)))
}

fn shown(column: &Column) -> String {
    let text = if column.data_type == "json" { "json" } else { column.column_type.as_str() };
    let short: String = text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

fn kind(column_type: &ColumnType) -> Kind {
    let number = |at: usize, otherwise: u32| column_type.numbers.get(at).copied().unwrap_or(otherwise);
    let text = |bytes: u64| Kind::Text(bytes, bytes);
    match column_type.name {
        "tinyint" => integer(8, column_type.unsigned),
        "smallint" => integer(16, column_type.unsigned),
        "mediumint" => integer(24, column_type.unsigned),
        "int" => integer(32, column_type.unsigned),
        "bigint" => integer(64, column_type.unsigned),
        "decimal" => {
            let scale = number(1, 0);
            Kind::Decimal(number(0, 10).saturating_sub(scale), scale, column_type.unsigned)
        }
        "float" => Kind::Float,
        "double" => Kind::Double,
        "bit" => Kind::Bit(number(0, 1)),
        "date" => Kind::Date,
        "datetime" => Kind::DateTime(number(0, 0)),
        "timestamp" => Kind::Timestamp(number(0, 0)),
        "time" => Kind::Time(number(0, 0)),
        "year" => Kind::Year,
        "char" | "varchar" => Kind::Text(number(0, 1).into(), u64::from(number(0, 1)) * 4),
        "tinytext" => text(255),
        "text" => text(65_535),
        "mediumtext" => text(16_777_215),
        "longtext" => text(u32::MAX.into()),
        "binary" => Kind::Binary(number(0, 1).into(), true),
        "varbinary" => Kind::Binary(number(0, 1).into(), false),
        "tinyblob" => Kind::Binary(255, false),
        "blob" => Kind::Binary(65_535, false),
        "mediumblob" => Kind::Binary(16_777_215, false),
        "longblob" => Kind::Binary(u32::MAX.into(), false),
        "enum" => Kind::Enum(column_type.members.clone()),
        "set" => Kind::Set(column_type.members.clone()),
        "json" => Kind::Json,
        "uuid" => Kind::Uuid,
        "inet4" => Kind::Inet(false),
        "inet6" => Kind::Inet(true),
        "vector" => Kind::Vector(number(0, 0)),
        spatial => Kind::Spatial(spatial),
    }
}

fn integer(bits: u32, unsigned: bool) -> Kind {
    if unsigned {
        Kind::Integer(0, (1_i128 << bits) - 1)
    } else {
        Kind::Integer(-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    }
}

fn digits(number: i128) -> u32 {
    number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1
}

fn fits(from: &Kind, to: &Kind) -> bool {
    match (from, to) {
        (Kind::Integer(..) | Kind::Decimal(..) | Kind::Float | Kind::Double | Kind::Bit(_), _) => {
            number_fits(from, to)
        }
        (Kind::Date | Kind::DateTime(_) | Kind::Timestamp(_) | Kind::Time(_) | Kind::Year, _) => {
            time_fits(from, to)
        }
        (Kind::Enum(members) | Kind::Set(members), _) => members_fit(from, members, to),
        (Kind::Text(chars, bytes), Kind::Text(chars_to, bytes_to)) => {
            // CHAR and VARCHAR count characters, the TEXTs bytes: one of both must be enough for certain.
            chars <= chars_to && (bytes <= bytes_to || chars_to < bytes_to)
        }
        (Kind::Binary(a, padded), Kind::Binary(b, padded_to)) => {
            a <= b && (!padded_to || (*padded && a == b))
        }
        (Kind::Json, Kind::Text(_, bytes)) => *bytes >= u32::MAX.into(),
        (Kind::Uuid, Kind::Text(chars, _)) => *chars >= 36,
        (Kind::Inet(v6), Kind::Text(chars, _)) => *chars >= if *v6 { 39 } else { 15 },
        (Kind::Inet(v6), Kind::Inet(v6_to)) => v6 == v6_to || *v6_to,
        (Kind::Vector(dimensions), Kind::Binary(bytes, false)) => u64::from(*dimensions) * 4 <= *bytes,
        (Kind::Vector(a), Kind::Vector(b)) => a == b,
        (Kind::Spatial(a), Kind::Spatial(b)) => a == b || *b == "geometry",
        _ => from == to,
    }
}

fn number_fits(from: &Kind, to: &Kind) -> bool {
    match (from, to) {
        (Kind::Integer(low, high), Kind::Integer(low_to, high_to)) => low >= low_to && high <= high_to,
        (Kind::Integer(low, high), Kind::Decimal(whole, _, unsigned)) => {
            digits(*high).max(digits(*low)) <= *whole && (!unsigned || *low >= 0)
        }
        (Kind::Integer(low, high), Kind::Double) => *low >= -(1 << 53) && *high <= 1 << 53,
        (Kind::Integer(low, high), Kind::Text(chars, _)) => {
            u64::from(digits(*high).max(digits(*low) + u32::from(*low < 0))) <= *chars
        }
        (Kind::Decimal(whole, scale, unsigned), Kind::Decimal(whole_to, scale_to, unsigned_to)) => {
            whole <= whole_to && scale <= scale_to && (!unsigned_to || *unsigned)
        }
        (Kind::Float, Kind::Double) => true,
        (Kind::Bit(bits), Kind::Bit(bits_to)) => bits <= bits_to,
        _ => from == to,
    }
}

fn time_fits(from: &Kind, to: &Kind) -> bool {
    match (from, to) {
        (Kind::Date, Kind::DateTime(_)) => true,
        // Not the other way round: a TIMESTAMP ends in 2038 or 2106 and knows no time that a clock skips.
        (Kind::DateTime(a) | Kind::Timestamp(a), Kind::DateTime(b)) => a <= b,
        (Kind::Timestamp(a), Kind::Timestamp(b)) | (Kind::Time(a), Kind::Time(b)) => a <= b,
        (Kind::Year, Kind::Integer(_, high)) => *high >= 2155,
        _ => from == to,
    }
}

fn members_fit(from: &Kind, members: &[String], to: &Kind) -> bool {
    let within = |known: &[String]| members.iter().all(|member| known.contains(member));
    match (from, to) {
        (Kind::Enum(_), Kind::Enum(known)) | (_, Kind::Set(known)) => within(known),
        (Kind::Enum(_), Kind::Text(chars, bytes)) => members
            .iter()
            .all(|member| member.chars().count() as u64 <= *chars && member.len() as u64 <= *bytes),
        (Kind::Set(_), Kind::Text(chars, bytes)) => {
            let all = members.join(",");
            all.chars().count() as u64 <= *chars && all.len() as u64 <= *bytes
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ddl::tests::column;

    #[test]
    fn what_fits_is_quiet_and_what_may_not_is_told() {
        for (from, to, fits) in [
            ("int(11)", "int", true),
            ("int", "bigint", true),
            ("bigint", "int", false),
            ("int unsigned", "int", false),
            ("int unsigned", "bigint", true),
            ("tinyint(1)", "bit(1)", false),
            ("int", "decimal(10,0)", true),
            ("int", "decimal(10,2)", false),
            ("decimal(10,2)", "decimal(12,4)", true),
            ("decimal(10,2)", "decimal(10,4)", false),
            ("decimal(10,2) unsigned", "decimal(10,2)", true),
            ("decimal(10,2)", "double", false),
            ("float", "double", true),
            ("double", "float", false),
            ("int", "double", true),
            ("bigint", "double", false),
            ("bigint", "varchar(20)", true),
            ("bigint", "varchar(19)", false),
            ("varchar(100)", "varchar(255)", true),
            ("varchar(255)", "varchar(100)", false),
            ("varchar(255)", "text", true),
            ("varchar(20000)", "text", false),
            ("text", "varchar(65535)", true),
            ("text", "varchar(255)", false),
            ("text", "mediumtext", true),
            ("longtext", "text", false),
            ("char(36)", "varchar(36)", true),
            ("varchar(10)", "varbinary(40)", false),
            ("binary(16)", "varbinary(16)", true),
            ("varbinary(16)", "binary(16)", false),
            ("binary(8)", "binary(16)", false),
            ("date", "datetime", true),
            ("datetime", "date", false),
            ("datetime(6)", "datetime", false),
            ("datetime", "timestamp", false),
            ("timestamp", "datetime(3)", true),
            ("enum('a','b')", "enum('b','c','a')", true),
            ("enum('a','b')", "enum('a')", false),
            ("enum('a','bb')", "varchar(2)", true),
            ("set('a','b')", "varchar(2)", false),
            ("set('a')", "enum('a')", false),
            ("json", "longtext", true),
            ("json", "text", false),
            ("longtext", "json", false),
            ("uuid", "char(36)", true),
            ("uuid", "char(32)", false),
            ("inet6", "varchar(45)", true),
            ("vector(3)", "varbinary(12)", true),
            ("point", "geometry", true),
            ("geometry", "point", false),
            ("geometrycollection", "geomcollection", true),
            ("year(4)", "year", true),
            ("frobnicate", "int", false),
        ] {
            let found = misfit(&column("c", from), &column("c", to));
            assert_eq!(found.is_none(), fits, "{from} into {to}: {found:?}");
        }
        assert_eq!(misfit(&column("c", "frobnicate"), &column("c", "frobnicate")), None);
    }
}
