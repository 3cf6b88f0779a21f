//! The words that an SQL expression of a rule may consist of. A list of what is allowed, since servers have functions
//! that read files, wait, lock or write, and a stored function may do anything.

/// Functions that make a value of their arguments and do nothing else.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "abs", "acos", "adddate", "addtime", "aes_encrypt", "ascii", "asin", "atan", "atan2", "bin",
    "bin_to_uuid", "bit_count", "bit_length", "cast", "ceil", "ceiling", "char", "char_length",
    "character_length", "chr", "coalesce", "concat", "concat_ws", "conv", "convert", "convert_tz", "cos",
    "cot", "crc32", "curdate", "current_date", "current_time", "current_timestamp", "curtime", "date",
    "date_add", "date_format", "date_sub", "datediff", "day", "dayname", "dayofmonth", "dayofweek",
    "dayofyear", "degrees", "elt", "exp", "export_set", "extract", "field", "find_in_set", "floor",
    "format", "from_base64", "from_days", "from_unixtime", "greatest", "hex", "hour", "if", "ifnull",
    "inet6_aton", "inet6_ntoa", "inet_aton", "inet_ntoa", "insert", "instr", "is_ipv4", "is_ipv6",
    "is_uuid", "isnull", "json_array", "json_array_append", "json_array_insert", "json_compact",
    "json_contains", "json_contains_path", "json_depth", "json_exists", "json_extract", "json_insert",
    "json_keys", "json_length", "json_merge_patch", "json_merge_preserve", "json_object", "json_overlaps",
    "json_quote", "json_remove", "json_replace", "json_search", "json_set", "json_type", "json_unquote",
    "json_valid", "json_value", "last_day", "lcase", "least", "left", "length", "ln", "locate", "log",
    "log10", "log2", "lower", "lpad", "ltrim", "make_set", "makedate", "maketime", "md5", "microsecond",
    "mid", "minute", "mod", "month", "monthname", "natural_sort_key", "now", "nullif", "nvl", "nvl2", "oct",
    "octet_length", "ord", "period_add", "period_diff", "pi", "position", "pow", "power", "quarter",
    "quote", "radians", "rand", "random_bytes", "regexp_instr", "regexp_like", "regexp_replace",
    "regexp_substr", "repeat", "replace", "reverse", "right", "round", "rpad", "rtrim", "sec_to_time",
    "second", "sha", "sha1", "sha2", "sign", "sin", "soundex", "space", "sqrt", "str_to_date", "strcmp",
    "subdate", "substr", "substring", "substring_index", "subtime", "sysdate", "tan", "time", "time_format",
    "time_to_sec", "timediff", "timestamp", "timestampadd", "timestampdiff", "to_base64", "to_days",
    "to_seconds", "trim", "truncate", "ucase", "unhex", "unix_timestamp", "upper", "utc_date", "utc_time",
    "utc_timestamp", "uuid", "uuid_to_bin", "week", "weekday", "weekofyear", "weight_string", "year",
    "yearweek",
];

/// Functions, and words, whose result may differ each time.
#[rustfmt::skip]
const VARYING: &[&str] = &[
    "curdate", "current_date", "current_time", "current_timestamp", "curtime", "localtime",
    "localtimestamp", "now", "rand", "random_bytes", "sysdate", "unix_timestamp", "utc_date", "utc_time",
    "utc_timestamp", "uuid",
];

/// Reserved words after which an operand follows.
#[rustfmt::skip]
const BEFORE_OPERAND: &[&str] = &[
    "and", "or", "xor", "not", "is", "like", "in", "between", "regexp", "rlike", "escape", "case", "when",
    "then", "else", "div", "mod", "binary", "interval", "from", "for", "leading", "trailing", "both",
];

/// Reserved words that are, or end, an operand.
#[rustfmt::skip]
const OPERANDS: &[&str] = &[
    "null", "true", "false", "unknown", "end", "current_date", "current_time", "current_timestamp",
    "localtime", "localtimestamp", "utc_date", "utc_time", "utc_timestamp",
];

/// Words after which one more word names a type, a character set or a collation.
const BEFORE_NAME: &[&str] = &["as", "collate", "using", "set"];

/// Units of INTERVAL, and what else may stand behind an operand or a type.
#[rustfmt::skip]
const BEHIND: &[&str] = &[
    "microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
    "second_microsecond", "minute_microsecond", "minute_second", "hour_microsecond", "hour_second",
    "hour_minute", "day_microsecond", "day_second", "day_minute", "day_hour", "year_month", "character",
    "charset", "unsigned", "signed", "integer", "precision", "returning", "array",
];

/// What may stand directly in front of a quoted text.
#[rustfmt::skip]
const BEFORE_TEXT: &[&str] = &[
    "x", "b", "n", "date", "time", "timestamp",
];

fn has(list: &[&str], word: &str) -> bool {
    list.contains(&word)
}

pub(super) fn is_function(word: &str) -> bool {
    has(FUNCTIONS, word)
}

pub(super) fn is_varying(word: &str) -> bool {
    has(VARYING, word)
}

pub(super) fn comes_before_operand(word: &str) -> bool {
    has(BEFORE_OPERAND, word)
}

pub(super) fn is_operand(word: &str) -> bool {
    has(OPERANDS, word)
}

pub(super) fn comes_before_name(word: &str) -> bool {
    has(BEFORE_NAME, word)
}

pub(super) fn comes_behind(word: &str) -> bool {
    has(BEHIND, word)
}

pub(super) fn introduces_text(word: &str) -> bool {
    has(BEFORE_TEXT, word) || word.starts_with('_')
}

/// The function that is meant, perhaps.
pub(super) fn near_function(word: &str) -> Option<&'static str> {
    super::super::nearest::nearest(word, FUNCTIONS.iter().copied())
}
