//! Random limits, and limits and relations as the configuration has them.

use crate::subset_graph::Graph;
use crate::subset_model::{Age, Condition, Limit, Value};
use crate::subset_shape::{Dice, Kind, Shape};
use backfill::plan::reference::Relation;
use backfill::plan::subset::{Direction, Limit as ConfiguredLimit};
use backfill::schema::ForeignKey;

/// A limit that fits the table.
pub fn limit(dice: &mut Dice, shape: &Shape) -> Limit {
    if dice.chance(33) {
        return Limit { all: true, ..Limit::default() };
    }
    let mut limit = Limit { ascending: dice.chance(50), ..Limit::default() };
    if dice.chance(25) {
        limit.age = age(dice, shape, &mut limit.order_by);
    }
    if dice.chance(25) {
        limit.condition = condition(dice, shape);
    }
    if dice.chance(20) {
        limit.percent = Some(*dice.pick(&[1, 10, 33, 50, 99, 100]));
    }
    let none = limit.age.is_none() && limit.condition.is_none() && limit.percent.is_none();
    if none || dice.chance(50) {
        limit.max_rows = Some(dice.roll(9));
    }
    if limit.age.is_none() {
        limit.order_by = order_by(dice, shape, &limit);
    }
    // Nothing else tells rows without a key apart.
    if shape.row_key().is_empty() && (limit.max_rows.is_some() || limit.percent.is_some()) {
        limit.age = None;
        limit.order_by = Some(0);
    }
    limit
}

fn order_by(dice: &mut Dice, shape: &Shape, limit: &Limit) -> Option<usize> {
    let cuts = limit.max_rows.is_some() || limit.percent.is_some();
    let needed = cuts && shape.primary.is_empty();
    (needed || dice.chance(65)).then(|| dice.roll(shape.columns.len()))
}

fn age(dice: &mut Dice, shape: &Shape, order_by: &mut Option<usize>) -> Option<Age> {
    let column = shape.columns.iter().position(|column| matches!(column.kind, Kind::Time | Kind::Date))?;
    // Without a primary key a cut needs a column to order by.
    if shape.columns[column].name != "created_at" || shape.primary.is_empty() || dice.chance(60) {
        *order_by = Some(column);
    }
    let days = u32::try_from(1 + dice.roll(6)).unwrap();
    Some(Age { column, days, utc: shape.columns[column].sql == "TIMESTAMP" })
}

fn condition(dice: &mut Dice, shape: &Shape) -> Option<Condition> {
    let n = shape.find("n")?;
    Some(match (dice.roll(3), shape.find("s")) {
        (0, Some(s)) => Condition::TextIs(s, (*dice.pick(&["a", "B", "ab"])).to_owned()),
        (1, Some(s)) => Condition::IsNull(s),
        _ => Condition::AtLeast(n, dice.between(-2, 9)),
    })
}

/// The condition as the configuration has it.
fn condition_sql(condition: &Condition, shape: &Shape) -> String {
    let name = |at: &usize| format!("`{}`", shape.columns[*at].name);
    match condition {
        Condition::IsNull(at) => format!("{} IS NULL", name(at)),
        Condition::AtLeast(at, least) => format!("{} >= {least} OR 1 = 0", name(at)),
        Condition::TextIs(at, text) => format!("{} = '{text}'", name(at)),
    }
}

/// The value as `when` has it.
fn when_text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is not for `when`"),
    }
}

/// The limit as the configuration gives it.
pub fn configured(shape: &Shape, limit: &Limit) -> ConfiguredLimit {
    ConfiguredLimit {
        table: shape.name.clone(),
        all: limit.all,
        max_rows: limit.max_rows.map(|rows| rows as u64),
        order_by: limit.order_by.map(|at| shape.columns[at].name.clone()),
        direction: if limit.ascending { Direction::Asc } else { Direction::Desc },
        keep_days: limit.age.as_ref().map(|age| age.days),
        condition: limit.condition.as_ref().map(|condition| condition_sql(condition, shape)),
        percent: limit.percent.map(|percent| percent as f64),
    }
}

/// The relation as the configuration gives it; its reference has the number `at`, it has the number `number`.
pub fn relation(graph: &Graph, at: usize, number: usize) -> Relation {
    let reference = &graph.model.references[at];
    let (child, parent) = (&graph.shapes[reference.child], &graph.shapes[reference.parent]);
    let names = |shape: &Shape, columns: &[usize]| {
        columns.iter().map(|at| shape.columns[*at].name.clone()).collect::<Vec<_>>()
    };
    Relation {
        key: ForeignKey {
            name: format!("relation {number}"),
            table: child.name.clone(),
            columns: names(child, &reference.columns),
            references_schema: None,
            references: parent.name.clone(),
            referenced_columns: names(parent, &reference.parent_columns),
            on_delete: "NO ACTION".to_owned(),
            on_update: "NO ACTION".to_owned(),
        },
        when: reference
            .when
            .iter()
            .map(|(column, value)| (child.columns[*column].name.clone(), when_text(value)))
            .collect(),
    }
}

/// Limits and relations as a file has them.
pub fn toml(graphs: &[Graph]) -> String {
    let mut limits = "[limits]\n".to_owned();
    let mut relations = String::new();
    for graph in graphs {
        for (shape, table) in graph.shapes.iter().zip(&graph.model.tables) {
            let Some(limit) = table.limit.as_ref().map(|limit| configured(shape, limit)) else { continue };
            let mut options: Vec<String> = limit.all.then(|| "all = true".to_owned()).into_iter().collect();
            options.extend(limit.max_rows.map(|rows| format!("max_rows = {rows}")));
            options.extend(limit.percent.map(|percent| format!("percent = {percent}")));
            // An order that decides nothing is refused.
            if !options.is_empty() && !limit.all {
                let direction = if limit.direction == Direction::Asc { "asc" } else { "desc" };
                options.push(format!("direction = {direction:?}"));
                options.extend(limit.order_by.map(|column| format!("order_by = {column:?}")));
            }
            options.extend(limit.condition.map(|condition| format!("where = {condition:?}")));
            limits += &format!("{} = {{ {} }}\n", limit.table, options.join(", "));
        }
        for (at, _) in graph.declared.iter().enumerate().filter(|(_, declared)| !**declared) {
            let Relation { key, when } = relation(graph, at, 1);
            relations += &format!(
                "[[relations]]\ntable = {:?}\ncolumns = {:?}\nreferences = {:?}\nreferenced_columns = {:?}\n",
                key.table, key.columns, key.references, key.referenced_columns
            );
            let pairs: Vec<String> =
                when.iter().map(|(column, value)| format!("{column} = {value:?}")).collect();
            if !pairs.is_empty() {
                relations += &format!("when = {{ {} }}\n", pairs.join(", "));
            }
        }
    }
    limits + &relations
}
