use super::*;
use crate::error::Kind;
use crate::plan::sanitize::fixture::{Builder, column, foreign_key, nullable, schema, table};
use crate::plan::subset::Direction;
use crate::schema::{Column, ForeignKey};

fn keyed(name: &str, columns: Vec<Column>) -> Builder {
    let mut all = vec![column("id", "bigint(20)")];
    all.extend(columns);
    table(name, all).key(&["id"])
}

fn shop() -> Schema {
    let posts = keyed("posts", vec![nullable("Created_At", "datetime"), nullable("slug", "varchar(99)")])
        .unique(&["slug"])
        .unique(&["Created_At", "slug(10)"])
        .done();
    let odd = Column { collation: Some("utf8mb4_bin".to_owned()), ..column("slug", "varchar(9)") };
    let comments = keyed(
        "comments",
        vec![
            nullable("about_id", "int(11)"),
            nullable("about_type", "varchar(99)"),
            odd,
            nullable("note", "text"),
            nullable("extra", "json"),
            column("rank", "int"),
        ],
    );
    let log = table("log", vec![column("at", "timestamp"), column("created_at", "varchar(20)")]);
    let places = keyed("places", vec![column("spot", "point")]);
    let mut schema =
        schema(vec![posts, comments.done(), log.done(), places.done(), keyed("jobs", Vec::new()).done()]);
    schema.foreign_keys.push(foreign_key(("comments", "rank"), ("posts", "id")));
    schema
}

fn checked(limits: &[Limit], relations: &[Relation]) -> Result<Checked> {
    let schema = shop();
    let is_excluded = |name: &str| name.starts_with("job");
    let mut selection = Selection::new(&schema, is_excluded);
    selection.served.remove("places");
    selection.left_out.push(("places".to_owned(), "engine CONNECT stores elsewhere".to_owned()));
    check(limits, relations, Ground { schema: &schema, selection: &selection, is_excluded: &is_excluded })
}

fn limit(table: &str) -> Limit {
    Limit { table: table.to_owned(), max_rows: Some(9), ..Limit::default() }
}

fn ordered(table: &str, order_by: &str) -> Limit {
    Limit { order_by: Some(order_by.to_owned()), ..limit(table) }
}

fn aged(table: &str) -> Limit {
    Limit { table: table.to_owned(), keep_days: Some(1), ..Limit::default() }
}

fn relation(child: (&str, &str), parent: (&str, &str)) -> Relation {
    let key = ForeignKey { name: "relation 1".to_owned(), ..foreign_key(child, parent) };
    Relation { key, when: Vec::new() }
}

fn when(column: &str, value: &str) -> Relation {
    let when = vec![(column.to_owned(), value.to_owned())];
    Relation { when, ..relation(("comments", "about_id"), ("posts", "id")) }
}

#[test]
fn limits_that_fit_pass_with_the_tables_own_spelling() {
    let limits = [
        limit("comments"),
        ordered("posts", "created_at"),
        Limit { all: true, ..Limit { max_rows: None, ..limit("log") } },
    ];
    let found = checked(&limits, &[]).unwrap();
    assert_eq!(found.limits[1].order_by.as_deref(), Some("Created_At"));
    assert_eq!(found.limits[0], limit("comments"));
    assert_eq!(found.limits.len(), 3);
    assert!(found.warnings.is_empty());
    let days = [aged("posts"), Limit { order_by: Some("at".to_owned()), ..aged("log") }];
    assert_eq!(checked(&days, &[]).unwrap().limits.len(), 2, "by age no key is needed");
    let condition = Limit { condition: Some("a = ')'".to_owned()), max_rows: None, ..limit("log") };
    assert!(checked(&[condition], &[]).is_ok());
}

#[test]
fn limits_of_tables_that_are_not_served_are_not_looked_at() {
    let limits = [ordered("jobs", "nothing"), ordered("jobs_gone", "x"), ordered("places", "nothing")];
    assert_eq!(checked(&limits, &[]).unwrap(), Checked::default());
}

#[test]
fn limits_that_do_not_fit_are_refused() {
    let long = "x".repeat(32);
    for (limit, what) in [
        (limit("post"), "[limits] post: there is no table `post`; did you mean `posts`?"),
        (
            ordered("posts", "creatd_at"),
            "[limits] posts: table `posts` has no column `creatd_at`; did you mean `Created_At`?",
        ),
        (ordered("posts", &long), "[limits] posts: table `posts` has no column of that name"),
        (
            ordered("comments", "extra"),
            "[limits] comments: column `extra` of table `comments` is `json`, which has no order",
        ),
        (limit("log"), "[limits] log: table `log` has no primary key to order by"),
        (
            Limit { max_rows: None, percent: Some(5.0), ..limit("log") },
            "[limits] log: table `log` has no primary key to order by",
        ),
        (
            aged("comments"),
            "[limits] comments: `keep_days` goes by `created_at`, and table `comments` has no such column",
        ),
        (
            aged("log"),
            "[limits] log: `keep_days` goes by column `created_at` of table `log`, which is `varchar`",
        ),
        (
            Limit { order_by: Some("slug".to_owned()), ..aged("posts") },
            "[limits] posts: `keep_days` goes by column `slug` of table `posts`, which is `varchar`",
        ),
        (
            Limit { condition: Some("1) OR (1".to_owned()), ..limit("posts") },
            "[limits] posts: `where` has a parenthesis without its other half",
        ),
    ] {
        let error = checked(std::slice::from_ref(&limit), &[]).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert_eq!(error.what(), what);
        assert!(error.hint_text().is_some());
    }
}

#[test]
fn relations_that_fit_pass() {
    let relations = [
        relation(("comments", "ABOUT_ID"), ("posts", "Id")),
        relation(("posts", "slug"), ("posts", "slug")),
        when("about_type", "App\\Models\\Post"),
        when("rank", "-1"),
        when("note", "x"),
    ];
    let found = checked(&[], &relations).unwrap();
    assert_eq!(found.relations, relations);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

#[test]
fn relations_out_of_what_is_served_are_listed_and_not_followed() {
    for (one, warning) in [
        (
            relation(("comments", "about_id"), ("jobs", "id")),
            Some("relation 1 of `comments` is not followed: `jobs` is excluded"),
        ),
        (
            relation(("comments", "about_id"), ("jobs_gone", "x")),
            Some("relation 1 of `comments` is not followed: `jobs_gone` is excluded"),
        ),
        (
            relation(("comments", "about_id"), ("places", "id")),
            Some(
                "relation 1 of `comments` is not followed: `places` is not served: engine CONNECT stores elsewhere",
            ),
        ),
        (relation(("jobs", "x"), ("nothing", "y")), None),
    ] {
        match (checked(&[], std::slice::from_ref(&one)), warning) {
            (Ok(found), warning) => {
                assert!(found.relations.is_empty());
                assert_eq!(found.warnings.first().map(String::as_str), warning);
            }
            (Err(error), _) => panic!("{error}"),
        }
    }
}

#[test]
fn relations_that_say_what_is_known_are_warned_about() {
    let declared = relation(("comments", "Rank"), ("posts", "id"));
    let found = checked(&[], &[declared]).unwrap();
    assert_eq!(
        found.warnings,
        ["relation 1 of `comments` is not needed: the foreign key `comments_rank_fk` says the same"]
    );
    let mut second = when("rank", "1");
    second.key.name = "relation 2".to_owned();
    let found = checked(&[], &[when("rank", "1"), second.clone()]).unwrap();
    assert_eq!(found.warnings, ["relation 2 is the same as relation 1"]);
    assert!(checked(&[], &[when("rank", "2"), second]).unwrap().warnings.is_empty());
}

#[test]
fn relations_that_do_not_fit_are_refused() {
    let composite = |columns: &[&str], referenced: &[&str]| {
        let mut relation = relation(("posts", ""), ("posts", ""));
        relation.key.columns = columns.iter().map(ToString::to_string).collect();
        relation.key.referenced_columns = referenced.iter().map(ToString::to_string).collect();
        relation
    };
    for (one, what) in [
        (
            relation(("comment", "id"), ("posts", "id")),
            "relation 1: there is no table `comment`; did you mean `comments`?",
        ),
        (
            relation(("comments", "id"), ("post", "id")),
            "relation 1: there is no table `post`; did you mean `posts`?",
        ),
        (
            relation(("comments", "abaut_id"), ("posts", "id")),
            "relation 1: table `comments` has no column `abaut_id`; did you mean `about_id`?",
        ),
        (
            relation(("comments", "about_id"), ("posts", "ident")),
            "relation 1: table `posts` has no column `ident`",
        ),
        (
            relation(("comments", "rank"), ("comments", "about_id")),
            "relation 1: `about_id` of table `comments` is neither its primary key nor a unique key",
        ),
        (
            composite(&["Created_At", "slug"], &["Created_At", "slug"]),
            "relation 1: `Created_At`, `slug` of table `posts` is neither its primary key nor a unique key",
        ),
        (
            relation(("comments", "about_type"), ("posts", "id")),
            "relation 1: `comments`.`about_type` (varchar in utf8mb4_general_ci) and `posts`.`id` (bigint) do not compare like values of one key",
        ),
        (
            relation(("comments", "slug"), ("posts", "slug")),
            "relation 1: `comments`.`slug` (varchar in utf8mb4_bin) and `posts`.`slug` (varchar in utf8mb4_general_ci) do not compare like values of one key",
        ),
        (
            relation(("comments", "note"), ("posts", "slug")),
            "relation 1: `comments`.`note` (text in utf8mb4_general_ci) and `posts`.`slug` (varchar in utf8mb4_general_ci) do not compare like values of one key",
        ),
        (when("about", "x"), "relation 1: table `comments` has no column `about`"),
        (
            when("rank", "Post"),
            "relation 1: column `rank` of table `comments` is `int`, and the value in `when` is no number",
        ),
        (
            when("extra", "x"),
            "relation 1: column `extra` of table `comments` is `json`, and it cannot be compared with a value",
        ),
    ] {
        let error = checked(&[], std::slice::from_ref(&one)).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert_eq!(error.what(), what);
        assert!(error.hint_text().is_some());
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let limits = [limit("post"), Limit { direction: Direction::Asc, ..ordered("log", "x") }];
    let relations = [relation(("comments", "x"), ("posts", "y"))];
    let error = checked(&limits, &relations).unwrap_err();
    let lines: Vec<_> = error.what().lines().collect();
    assert_eq!(
        lines,
        [
            "4 limits and relations cannot be applied:",
            "  [limits] post: there is no table `post`; did you mean `posts`? (correct the name or remove the entry)",
            "  [limits] log: table `log` has no column `x` (correct the name)",
            "  relation 1: table `comments` has no column `x` (correct the name)",
            "  relation 1: table `posts` has no column `y` (correct the name)",
        ]
    );
}
