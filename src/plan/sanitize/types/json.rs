//! `json`: masks at paths inside a document. Everything else in it stays.

use super::super::identity::HEX_DIGITS;
use super::super::problem::Problem;
use super::super::render::Cast;
use super::expression::literal;
use super::ip::Ip;
use super::options::{OptionValue, Options, Refusal, missing, wrong};
use super::room::{cannot_hold, known_charset};
use super::{Behaviour, Mask, Own, Place, Reading, Row, Unchanged, parse};
use crate::schema::{Column, Flavour};
use std::collections::BTreeSet;

/// Elements of an array that one `[*]` reaches; a document with more of them becomes `{}`.
const ELEMENTS: u32 = 64;
/// The same where a path has two `[*]`.
const ELEMENTS_OF_TWO: u32 = 16;
/// Most `[*]` of a path.
const STARS_MAX: usize = 2;

const OPTION: &str = "paths";
/// Types that need the old value or the column: at a path they are refused before their options are asked for.
const NEVER_INSIDE: [&str; 7] = ["sql", "keep", "truncate", "json", "shift", "noise", "digits"];
const HOW: &str = "write paths like $.email, $.\"first name\", $.phones[0] or $.contacts[*].email";

/// Paths and their masks, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Json {
    paths: Vec<(Path, Mask)>,
}

/// What leads from the document to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Key(String),
    Element(u32),
    /// `[*]`
    Every,
}

pub(super) fn make(options: &mut Options<'_>) -> Result<Mask, Refusal> {
    let given = match options.take(OPTION) {
        Some(OptionValue::Table(given)) => given,
        Some(other) => return Err(wrong(OPTION, "a table of rules", other)),
        None => return Err(missing("json", OPTION, "paths = { \"$.email\" = \"email\" }")),
    };
    if given.is_empty() {
        return Err(Refusal::of(OPTION, "has `paths` without any", HOW));
    }
    let paths = given.iter().map(|(path, rule)| Ok((Path::parse(path)?, inner(rule)?)));
    Ok(Mask::Json(Json { paths: paths.collect::<Result<_, Refusal>>()? }))
}

/// The mask at a path.
fn inner(rule: &OptionValue) -> Result<Mask, Refusal> {
    let (name, options) = match rule {
        OptionValue::Text(name) => (name.as_str(), Vec::new()),
        OptionValue::Table(options) => {
            let (of_type, others): (Vec<_>, Vec<_>) =
                options.iter().cloned().partition(|(name, _)| name == "type");
            let Some((_, OptionValue::Text(name))) =
                options.iter().find(|(name, _)| name == "type").filter(|_| of_type.len() == 1)
            else {
                return Err(Refusal::of(OPTION, "has a path without a `type`", "add type = \"…\""));
            };
            (name.as_str(), others)
        }
        other => return Err(wrong(OPTION, "a table of types", other)),
    };
    if NEVER_INSIDE.contains(&name) {
        return Err(not_inside(name));
    }
    let parsed = parse(name, &options)
        .map_err(|refusal| Refusal::of(OPTION, format!("has a path that {}", refusal.what), refusal.hint))?;
    if !parsed.exclude.is_empty() || parsed.condition.is_some() {
        let hint = "write it beside `paths`, for the whole column";
        return Err(Refusal::of(OPTION, "has `exclude` or `where` at a path", hint));
    }
    match &parsed.mask {
        Mask::Null | Mask::Fixed(_) | Mask::Invented(_) | Mask::Pick(_) | Mask::Ip => Ok(parsed.mask),
        mask if mask.pieces(false).is_some() => Ok(parsed.mask),
        mask => Err(not_inside(mask.name())),
    }
}

fn not_inside(name: &str) -> Refusal {
    Refusal::of(
        OPTION,
        format!("has the type `{name}` at a path"),
        "inside documents there are email, name, phone, text, hash, null, address, local_ip, fixed, pick, ip, \
         first_name, last_name, full_name, street, city and company",
    )
}

impl Path {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse = |why: &str| Refusal::of(OPTION, format!("has a path {why}"), HOW);
        let mut rest = text.strip_prefix('$').ok_or_else(|| refuse("that does not begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(|| refuse("that cannot be read"))?;
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() {
            return Err(refuse("that is the whole document"));
        }
        if steps.iter().filter(|step| **step == Step::Every).count() > STARS_MAX {
            return Err(refuse("with more than two [*]"));
        }
        Ok(Self(steps))
    }

    /// Elements that each `[*]` reaches.
    fn reach(&self) -> u32 {
        let stars = self.0.iter().filter(|step| **step == Step::Every).count();
        if stars == STARS_MAX { ELEMENTS_OF_TWO } else { ELEMENTS }
    }

    /// The path with every `[*]` spelled out: neither server replaces what a wildcard finds.
    fn expanded(&self) -> Vec<Vec<Step>> {
        expand(&self.0, self.reach())
    }

    /// The arrays that have a `[*]`.
    fn arrays(&self) -> Vec<Vec<Step>> {
        let stars = self.0.iter().enumerate().filter(|(_, step)| **step == Step::Every);
        stars.flat_map(|(at, _)| expand(&self.0[..at], self.reach())).collect()
    }
}

fn expand(steps: &[Step], elements: u32) -> Vec<Vec<Step>> {
    let mut paths = vec![Vec::new()];
    for step in steps {
        let next: Vec<Step> = match step {
            Step::Every => (0..elements).map(Step::Element).collect(),
            other => vec![other.clone()],
        };
        let longer = |path: &Vec<Step>| -> Vec<Vec<Step>> {
            next.iter().map(|step| path.iter().chain([step]).cloned().collect()).collect()
        };
        paths = paths.iter().flat_map(longer).collect();
    }
    paths
}

/// The first step of a path, and what follows it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix("[*]") {
        return Some((Step::Every, rest));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (number, rest) = rest.split_once(']')?;
        return Some((Step::Element(number.parse().ok()?), rest));
    }
    let rest = text.strip_prefix('.')?;
    if let Some(rest) = rest.strip_prefix('"') {
        let (key, rest) = rest.split_once('"')?;
        let fits = !key.is_empty() && !key.contains('\\') && !key.chars().any(char::is_control);
        return fits.then(|| (Step::Key(key.to_owned()), rest));
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then(|| (Step::Key(rest[..end].to_owned()), &rest[end..]))
}

/// A path as an SQL literal.
fn path_sql(steps: &[Step]) -> String {
    let mut path = String::from("$");
    for step in steps {
        match step {
            Step::Key(key) => path.push_str(&format!(".\"{key}\"")),
            Step::Element(element) => path.push_str(&format!("[{element}]")),
            Step::Every => path.push_str("[*]"),
        }
    }
    literal(&path)
}

/// Whether there is something at a path. Of MariaDB's functions `JSON_EXISTS` knows keys that are written with escapes
/// (as `JSON_REPLACE` does), `JSON_EXTRACT` and `JSON_CONTAINS_PATH` do not.
fn exists(document: &str, path: &str, flavour: Flavour) -> String {
    match flavour {
        Flavour::Mariadb => format!("JSON_EXISTS({document}, {path})"),
        Flavour::Mysql => format!("JSON_CONTAINS_PATH({document}, 'one', {path})"),
    }
}

impl Json {
    /// A value that JSON functions take for what it is: a text, a number, `true`, `null`. `old` is the one in the
    /// document, as a text.
    fn new_value(mask: &Mask, old: &str, row: Row<'_>) -> String {
        let row = Row { keyed: row.keyed.map(|_| Reading::inside_document()), ..row };
        let value = match mask {
            Mask::Fixed(fixed) => fixed.json(),
            Mask::Pick(pick) => return format!("JSON_EXTRACT({}, '$')", pick.json(old, row)),
            Mask::Invented(invented) => format!("CONVERT({} USING utf8mb4)", invented.sql(old, row)),
            Mask::Ip => format!("CONVERT({} USING utf8mb4)", Ip::text(old, row)),
            other => match other.pieces(row.keyed.is_some()) {
                Some(pieces) => {
                    let hex = if row.keyed.is_some() { pieces.most_digits() } else { row.hex };
                    format!("CONVERT({} USING utf8mb4)", pieces.sql(old, Row { hex, ..row }))
                }
                None => return "JSON_EXTRACT('[null]', '$[0]')".to_owned(),
            },
        };
        format!("JSON_EXTRACT(JSON_ARRAY({value}), '$[0]')")
    }

    /// What is replaced: a path, and its new value unless it holds `null`.
    fn pairs(&self, document: &str, row: Row<'_>) -> Vec<String> {
        self.paths
            .iter()
            .flat_map(|(path, mask)| {
                path.expanded().into_iter().map(move |steps| {
                    let path = path_sql(&steps);
                    let old = format!("JSON_EXTRACT({document}, {path})");
                    let value = Self::new_value(mask, &format!("JSON_UNQUOTE({old})"), row);
                    format!(
                        "{path}, CASE WHEN JSON_TYPE({old}) = 'NULL' \
                         THEN JSON_EXTRACT('[null]', '$[0]') ELSE {value} END"
                    )
                })
            })
            .collect()
    }

    /// Documents that cannot be masked at their paths: arrays with too many elements, and keys that occur twice
    /// (which only MariaDB keeps, and of which JSON functions see one).
    fn unfit(&self, document: &str, flavour: Flavour) -> Vec<String> {
        let mut conditions = BTreeSet::new();
        for (path, _) in &self.paths {
            for mut array in path.arrays() {
                array.push(Step::Element(path.reach()));
                conditions.insert(exists(document, &path_sql(&array), flavour));
            }
            if flavour != Flavour::Mariadb {
                continue;
            }
            for steps in path.expanded() {
                for end in 1..=steps.len() {
                    if matches!(steps[end - 1], Step::Key(_)) {
                        let key = path_sql(&steps[..end]);
                        let without = format!("JSON_REMOVE({document}, {key})");
                        conditions.insert(exists(&without, &key, flavour));
                    }
                }
            }
        }
        conditions.into_iter().collect()
    }
}

impl Behaviour for Json {
    fn fit(&self, place: &Place<'_>) -> Result<u64, Problem> {
        let column = place.one.column;
        if column.data_type != "json" && !column.is_text() {
            return Err(cannot_hold(place.one));
        }
        known_charset(place.one).map(|()| HEX_DIGITS)
    }

    /// What is no JSON, or cannot be masked, becomes `{}`.
    fn value(&self, column: &Column, _own: &Own<'_>, row: Row<'_>) -> String {
        let document = row.refs.column(&column.name);
        // On MySQL a document among texts would become a text, and its dates and decimals with it.
        let is_document = column.data_type == "json" && row.flavour == Flavour::Mysql;
        let empty = if is_document { "CAST('{}' AS JSON)" } else { "'{}'" };
        let mut case = String::from("CASE");
        if !is_document {
            case.push_str(&format!(" WHEN NOT JSON_VALID({document}) THEN {empty}"));
        }
        let unfit = self.unfit(&document, row.flavour);
        if !unfit.is_empty() {
            case.push_str(&format!(" WHEN {} THEN {empty}", unfit.join(" OR ")));
        }
        let pairs = self.pairs(&document, row).join(", ");
        Cast::of(column).wrap(&format!("{case} WHEN TRUE THEN JSON_REPLACE({document}, {pairs}) END"))
    }

    fn reads_identity(&self) -> bool {
        self.paths.iter().any(|(_, mask)| mask.behaviour(false).reads_identity())
    }

    fn unchanged(&self, _column: &Column, _own: &Own<'_>, row: Row<'_>) -> Unchanged {
        // What is chosen of few may be what was there.
        let by_chance = |mask: &Mask| match mask {
            Mask::LocalIp => true,
            Mask::Ip | Mask::Invented(_) | Mask::Pick(_) => row.keyed.is_none(),
            _ => false,
        };
        match self.paths.iter().any(|(_, mask)| by_chance(mask)) {
            true => Unchanged::Unknown,
            false => Unchanged::WhereMasked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::identity::{Identity, Refs};
    use super::super::OptionValue;
    use super::*;

    fn text(text: &str) -> OptionValue {
        OptionValue::Text(text.to_owned())
    }

    fn json(paths: &[(&str, OptionValue)]) -> Result<Json, String> {
        let paths = paths.iter().map(|(path, rule)| ((*path).to_owned(), rule.clone())).collect();
        let given = [("paths".to_owned(), OptionValue::Table(paths))];
        match parse("json", &given).map_err(|refusal| refusal.what)?.mask {
            Mask::Json(json) => Ok(json),
            other => panic!("{other}"),
        }
    }

    fn row(flavour: Flavour) -> Row<'static> {
        Row { identity: &Identity::Random, refs: Refs::Bare, salt: "5a17", hex: 12, flavour, keyed: None }
    }

    #[test]
    fn paths_are_read_and_written_in_one_way() {
        for (path, expected) in [
            ("$.email", Some("'$.\"email\"'")),
            ("$.\"full name\".x_1", Some("'$.\"full name\".\"x_1\"'")),
            ("$.a[0].b", Some("'$.\"a\"[0].\"b\"'")),
            ("$[3]", Some("'$[3]'")),
            ("$.o'neil", None),
            ("$.\"o'neil\"", Some("_utf8mb4 x'242e226f276e65696c22'")),
            ("$", None),
            ("email", None),
            ("$.*", None),
            ("$**.a", None),
            ("$.a[*][*][*]", None),
            ("$.a[-1]", None),
            ("$.a[99999999999]", None),
            ("$..a", None),
            ("$.\"\"", None),
            ("$.\"a", None),
            ("$.a b", None),
        ] {
            let parsed = Path::parse(path).ok().map(|path| path_sql(&path.0));
            assert_eq!(parsed.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn stars_are_spelled_out() {
        let one = Path::parse("$.a[*].b").unwrap();
        assert_eq!(one.expanded().len(), 64);
        assert_eq!(path_sql(&one.expanded()[63]), "'$.\"a\"[63].\"b\"'");
        assert_eq!(one.arrays().iter().map(|array| path_sql(array)).collect::<Vec<_>>(), ["'$.\"a\"'"]);
        let two = Path::parse("$[20].a[*].b[*]").unwrap();
        assert_eq!(two.expanded().len(), 256);
        assert_eq!(two.arrays().len(), 17);
    }

    #[test]
    fn twice_the_same_key_is_looked_for_where_servers_keep_it() {
        let json = json(&[("$.a.b", text("null"))]).unwrap();
        assert_eq!(
            json.unfit("`d`", Flavour::Mariadb),
            [
                "JSON_EXISTS(JSON_REMOVE(`d`, '$.\"a\"'), '$.\"a\"')",
                "JSON_EXISTS(JSON_REMOVE(`d`, '$.\"a\".\"b\"'), '$.\"a\".\"b\"')"
            ]
        );
        assert!(json.unfit("`d`", Flavour::Mysql).is_empty());
        assert_eq!(
            json.pairs("`d`", row(Flavour::Mysql)),
            ["'$.\"a\".\"b\"', CASE WHEN JSON_TYPE(JSON_EXTRACT(`d`, '$.\"a\".\"b\"')) = 'NULL' THEN \
                 JSON_EXTRACT('[null]', '$[0]') ELSE JSON_EXTRACT('[null]', '$[0]') END"]
        );
    }

    #[test]
    fn only_types_without_the_old_value_are_at_paths() {
        let table = |pairs: &[(&str, OptionValue)]| {
            OptionValue::Table(
                pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            )
        };
        for (rule, refused) in [
            (text("email"), None),
            (table(&[("type", text("hash")), ("unusable", OptionValue::Boolean(true))]), None),
            (table(&[("type", text("fixed")), ("value", OptionValue::Integer(5))]), None),
            (text("emial"), Some("has a path that has an unknown type")),
            (table(&[("value", OptionValue::Integer(5))]), Some("without a `type`")),
            (
                table(&[("type", text("keep")), ("first", OptionValue::Integer(5))]),
                Some("has the type `keep` at a path"),
            ),
            (text("keep"), Some("has the type `keep` at a path")),
            (
                table(&[("type", text("email")), ("where", text("id = 1"))]),
                Some("`exclude` or `where` at a path"),
            ),
            (OptionValue::Integer(1), Some("must be a table of types")),
        ] {
            match (json(&[("$.a", rule)]), refused) {
                (Ok(_), None) => {}
                (Err(found), Some(part)) => assert!(found.contains(part), "{found}"),
                (result, _) => panic!("{refused:?}: {result:?}"),
            }
        }
        assert!(json(&[]).unwrap_err().contains("without any"));
        assert!(parse("json", &[]).unwrap_err().what.contains("without `paths`"));
    }
}
