//! `token` in integer columns: a keyed permutation of the whole numbers from 0 to 2^30 (INT) or 2^52 (BIGINT).
//!
//! It is a Feistel network of four rounds: the number's bits are two halves, and each round adds to one half (XOR) what a
//! keyed hash makes of the other. Whatever the hash is, a round can be undone, since the half that it read is still
//! there: so no two numbers become the same one, by construction. Results stay where numbers are exact everywhere
//! (2^53 for programs that count in doubles), and leave AUTO_INCREMENT most of a column's numbers. A number that is not
//! in the range ends the run: there is nothing to make of it that another one does not have.

use super::pieces::ascii;
use crate::schema::Column;
use crate::sql::KEY_VARIABLE;

/// Hex digits of a hash that a round takes: 48 bits.
const ROUND_DIGITS: usize = 12;
const ROUNDS: u32 = 4;

/// Bits of the numbers that a column's tokens are; none where there are too few numbers, or the column has others.
pub(in crate::plan::sanitize) fn bits(column: &Column) -> Option<u32> {
    match column.data_type.as_str() {
        "int" => Some(30),
        "bigint" => Some(52),
        _ => None,
    }
}

/// SQL of what becomes of the number; an even count of bits.
pub(super) fn sql(number: &str, bits: u32) -> String {
    let half = bits / 2;
    let (mask, most) = ((1_u64 << half) - 1, (1_u64 << bits) - 1);
    let whole = format!("CAST({number} AS UNSIGNED)");
    let (mut left, mut right) = (format!("({whole} >> {half})"), format!("({whole} & {mask})"));
    for round in 1..=ROUNDS {
        let hashed =
            format!("SHA2(CONCAT({KEY_VARIABLE}, {}, {right}), 256)", ascii(&format!("number{round}:")));
        let bits = format!("CAST(CONV(LEFT({hashed}, {ROUND_DIGITS}), 16, 10) AS UNSIGNED) & {mask}");
        (left, right) = (right, format!("({left} ^ ({bits}))"));
    }
    // An error is all that can be said from within: EXP of so much is out of range.
    format!(
        "CASE WHEN {number} BETWEEN 0 AND {most} THEN ({left} << {half}) | {right} \
         ELSE EXP(710 + ABS({number})) END"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_reads_the_half_that_it_leaves() {
        let sql = sql("`n`", 8);
        let whole = "CAST(`n` AS UNSIGNED)";
        let hash = |round: u32, half: &str| {
            format!(
                "CAST(CONV(LEFT(SHA2(CONCAT(@backfill_key, _ascii'number{round}:', {half}), 256), 12), 16, 10) AS UNSIGNED) & 15"
            )
        };
        let (left, right) = (format!("({whole} >> 4)"), format!("({whole} & 15)"));
        let first = format!("({left} ^ ({}))", hash(1, &right));
        let second = format!("({right} ^ ({}))", hash(2, &first));
        let third = format!("({first} ^ ({}))", hash(3, &second));
        let fourth = format!("({second} ^ ({}))", hash(4, &third));
        let expected = format!(
            "CASE WHEN `n` BETWEEN 0 AND 255 THEN ({third} << 4) | {fourth} ELSE EXP(710 + ABS(`n`)) END"
        );
        assert_eq!(sql, expected);
    }
}
