//! Graphs for [`crate::subset`], with what is kept of them.

use backfill::plan::reference::Relation;
use backfill::plan::subset::{Direction, Limit};
use backfill::schema::ForeignKey;

/// A graph: statements that make it, limits, relations, and for each table the `id`s that are kept.
pub struct Case {
    pub name: &'static str,
    pub make: &'static [&'static str],
    pub limits: fn() -> Vec<Limit>,
    pub relations: fn() -> Vec<Relation>,
    /// Table and ids; tables that are not named are whole.
    pub kept: &'static [(&'static str, &'static [i64])],
}

pub fn limit(table: &str, max_rows: u64) -> Limit {
    Limit { table: table.into(), max_rows: Some(max_rows), ..Limit::default() }
}

fn by(table: &str, max_rows: u64, column: &str, direction: Direction) -> Limit {
    Limit { order_by: Some(column.into()), direction, ..limit(table, max_rows) }
}

fn all(table: &str) -> Limit {
    Limit { table: table.into(), all: true, ..Limit::default() }
}

fn no_relations() -> Vec<Relation> {
    Vec::new()
}

fn relation(child: (&str, &str), parent: (&str, &str), when: &[(&str, &str)]) -> Relation {
    Relation {
        key: ForeignKey {
            name: format!("relation of {} to {}", child.0, parent.0),
            table: child.0.into(),
            columns: vec![child.1.into()],
            references_schema: None,
            references: parent.0.into(),
            referenced_columns: vec![parent.1.into()],
            on_delete: "NO ACTION".into(),
            on_update: "NO ACTION".into(),
        },
        when: when.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

pub const CASES: &[Case] = &[
    Case {
        name: "chain_down",
        make: &[
            "CREATE TABLE users (id INT PRIMARY KEY)",
            "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, FOREIGN KEY (user_id) REFERENCES users (id))",
            "CREATE TABLE items (id INT PRIMARY KEY, order_id INT NOT NULL, FOREIGN KEY (order_id) REFERENCES orders (id))",
            "CREATE TABLE free (id INT PRIMARY KEY)",
            "INSERT INTO users VALUES (1), (2), (3), (4)",
            "INSERT INTO orders VALUES (1, 1), (2, 3), (3, 4), (4, NULL), (5, 4)",
            "INSERT INTO items VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 5)",
            "INSERT INTO free VALUES (1), (2)",
        ],
        limits: || vec![limit("users", 2)],
        relations: no_relations,
        kept: &[("users", &[3, 4]), ("orders", &[2, 3, 4, 5]), ("items", &[2, 3, 4, 5, 6])],
    },
    Case {
        name: "a_circle_of_rows_without_a_key_over_repeated_values",
        make: &[
            "CREATE TABLE owners (id INT PRIMARY KEY)",
            "SET SESSION sql_safe_updates = 0 /*!80400 , SESSION restrict_fk_on_non_standard_key = 0 */",
            "CREATE TABLE nodes (id INT NOT NULL, code VARCHAR(9), up VARCHAR(9), owner INT, KEY (code), KEY (up), \
             FOREIGN KEY (up) REFERENCES nodes (code), FOREIGN KEY (owner) REFERENCES owners (id))",
            "INSERT INTO owners VALUES (1), (2), (3)",
            "INSERT INTO nodes VALUES (1, 'x', NULL, 1), (2, 'x', NULL, 2), (3, 'y', 'x', 3), (4, 'z', 'y', 3)",
            "INSERT INTO nodes VALUES (5, 'u', NULL, 3), (6, 'u', NULL, 1), (7, 'v', 'u', 3), (8, 'w', 'w', 3)",
            // Those lose a parent only when another row is gone.
            "INSERT INTO nodes VALUES (9, 't', NULL, 3), (10, 't', 'z', 3), (11, 's', 't', 3), (12, 'r', 'z', 3), (13, 'r', 'y', 3), \
             (14, 'q', 'r', 3)",
        ],
        limits: || vec![limit("owners", 1)],
        relations: no_relations,
        // Both rows that node 3 may mean are gone, and with it both that node 14 may mean; one of those that nodes 7 and
        // 11 may mean is left.
        kept: &[("owners", &[3]), ("nodes", &[5, 7, 8, 9, 11])],
    },
    Case {
        name: "rows_without_a_key_are_pulled_in_by_a_repeated_value",
        make: &[
            "SET SESSION sql_safe_updates = 0 /*!80400 , SESSION restrict_fk_on_non_standard_key = 0 */",
            "CREATE TABLE tags (id INT NOT NULL, code VARCHAR(9), KEY (code))",
            "CREATE TABLE notes (id INT PRIMARY KEY, code VARCHAR(9), FOREIGN KEY (code) REFERENCES tags (code))",
            "INSERT INTO tags VALUES (1, 'x'), (2, 'y'), (3, 'x'), (4, 'x'), (5, 'z')",
            "INSERT INTO notes VALUES (1, 'y'), (2, 'x')",
        ],
        limits: || vec![by("tags", 1, "id", Direction::Desc), limit("notes", 1)],
        relations: no_relations,
        kept: &[("tags", &[1, 3, 4, 5]), ("notes", &[2])],
    },
    Case {
        name: "drivers_at_both_ends",
        make: &[
            "CREATE TABLE users (id INT PRIMARY KEY)",
            "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, FOREIGN KEY (user_id) REFERENCES users (id))",
            "CREATE TABLE items (id INT PRIMARY KEY, order_id INT NOT NULL, FOREIGN KEY (order_id) REFERENCES orders (id))",
            "INSERT INTO users VALUES (1), (2), (3), (4)",
            "INSERT INTO orders VALUES (1, 1), (2, 1), (3, 2), (4, 4)",
            "INSERT INTO items VALUES (1, 4), (2, 3), (3, 2), (4, 2)",
        ],
        limits: || vec![limit("users", 1), limit("items", 2)],
        relations: no_relations,
        // Items 3 and 4 pull in order 2 and with it user 1, below whom order 1 stays.
        kept: &[("users", &[1, 4]), ("orders", &[1, 2, 4]), ("items", &[3, 4])],
    },
    Case {
        name: "unlimited_parents_stay_whole",
        make: &[
            "CREATE TABLE users (id INT PRIMARY KEY)",
            "CREATE TABLE logs (id INT PRIMARY KEY, user_id INT, FOREIGN KEY (user_id) REFERENCES users (id))",
            "INSERT INTO users VALUES (1), (2), (3)",
            "INSERT INTO logs VALUES (1, 1), (2, 2), (3, NULL)",
        ],
        limits: || vec![limit("logs", 2)],
        relations: no_relations,
        kept: &[("logs", &[2, 3])],
    },
    Case {
        name: "diamond_with_two_keys_to_one_parent",
        make: &[
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "CREATE TABLE b (id INT PRIMARY KEY, a INT NOT NULL, FOREIGN KEY (a) REFERENCES a (id))",
            "CREATE TABLE c (id INT PRIMARY KEY, a1 INT, a2 INT, FOREIGN KEY (a1) REFERENCES a (id), FOREIGN KEY (a2) REFERENCES a (id))",
            "CREATE TABLE d (id INT PRIMARY KEY, b INT, c INT, FOREIGN KEY (b) REFERENCES b (id), FOREIGN KEY (c) REFERENCES c (id))",
            "INSERT INTO a VALUES (1), (2), (3)",
            "INSERT INTO b VALUES (1, 1), (2, 2), (3, 3)",
            "INSERT INTO c VALUES (1, 1, 2), (2, 2, 3), (3, 3, NULL), (4, NULL, NULL), (5, 3, 3)",
            "INSERT INTO d VALUES (1, 1, 2), (2, 2, 2), (3, 3, 1), (4, NULL, 5), (5, 3, NULL), (6, 1, 1)",
        ],
        limits: || vec![limit("a", 2)],
        relations: no_relations,
        kept: &[("a", &[2, 3]), ("b", &[2, 3]), ("c", &[2, 3, 4, 5]), ("d", &[2, 4, 5])],
    },
    Case {
        name: "driver_that_references_itself",
        make: &[
            "CREATE TABLE n (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES n (id))",
            "SET FOREIGN_KEY_CHECKS = 0",
            "INSERT INTO n VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, 5), (6, 1), (7, 4)",
        ],
        limits: || vec![limit("n", 1)],
        relations: no_relations,
        kept: &[("n", &[1, 2, 3, 4, 7])],
    },
    Case {
        name: "tree_below_a_driver",
        make: &[
            "CREATE TABLE posts (id INT PRIMARY KEY)",
            "CREATE TABLE comments (id INT PRIMARY KEY, post INT NOT NULL, up INT, FOREIGN KEY (post) REFERENCES posts (id), \
             FOREIGN KEY (up) REFERENCES comments (id))",
            "CREATE TABLE likes (id INT PRIMARY KEY, comment INT NOT NULL, FOREIGN KEY (comment) REFERENCES comments (id))",
            "INSERT INTO posts VALUES (1), (2)",
            "SET FOREIGN_KEY_CHECKS = 0",
            // 3 loses its parent, 4 with it, 5 with that; 8 and 9 hold each other; 10 dangles at the source already.
            "INSERT INTO comments VALUES (1, 2, NULL), (2, 1, NULL), (3, 2, 2), (4, 2, 3), (5, 2, 4), (6, 2, 1), (7, 2, 7), \
             (8, 2, 9), (9, 2, 8), (10, 2, 99)",
            "INSERT INTO likes VALUES (1, 1), (2, 5), (3, 6), (4, 9)",
        ],
        limits: || vec![limit("posts", 1)],
        relations: no_relations,
        kept: &[("posts", &[2]), ("comments", &[1, 6, 7, 8, 9]), ("likes", &[1, 3, 4])],
    },
    Case {
        name: "what_was_pulled_in_stays_in_a_circle",
        make: &[
            "CREATE TABLE posts (id INT PRIMARY KEY)",
            "CREATE TABLE comments (id INT PRIMARY KEY, post INT, up INT, FOREIGN KEY (post) REFERENCES posts (id), \
             FOREIGN KEY (up) REFERENCES comments (id))",
            "CREATE TABLE likes (id INT PRIMARY KEY, comment INT NOT NULL, FOREIGN KEY (comment) REFERENCES comments (id))",
            "INSERT INTO posts VALUES (1), (2)",
            "SET FOREIGN_KEY_CHECKS = 0",
            "INSERT INTO comments VALUES (1, 2, NULL), (2, 1, NULL), (3, 1, 2), (4, 2, 3), (5, 1, 2), (6, 99, 98), (7, NULL, 6), (8, 1, 98)",
            "INSERT INTO likes VALUES (1, 1), (2, 7), (3, 3)",
        ],
        // Likes 2 and 3 pull in comments 7, 6, 3 and 2, and posts 1; 99 and 98 are not there to be pulled in.
        limits: || vec![limit("posts", 1), limit("likes", 2)],
        relations: no_relations,
        kept: &[("posts", &[1, 2]), ("comments", &[1, 2, 3, 4, 5, 6, 7]), ("likes", &[2, 3])],
    },
    Case {
        name: "circles_of_two_and_three",
        make: &[
            "CREATE TABLE r (id INT PRIMARY KEY)",
            "CREATE TABLE a (id INT PRIMARY KEY, r INT, b INT)",
            "CREATE TABLE b (id INT PRIMARY KEY, a INT)",
            "CREATE TABLE x (id INT PRIMARY KEY, a INT, z INT)",
            "CREATE TABLE y (id INT PRIMARY KEY, x INT)",
            "CREATE TABLE z (id INT PRIMARY KEY, y INT)",
            "ALTER TABLE a ADD FOREIGN KEY (r) REFERENCES r (id), ADD FOREIGN KEY (b) REFERENCES b (id)",
            "ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a (id)",
            "ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES a (id), ADD FOREIGN KEY (z) REFERENCES z (id)",
            "ALTER TABLE y ADD FOREIGN KEY (x) REFERENCES x (id)",
            "ALTER TABLE z ADD FOREIGN KEY (y) REFERENCES y (id)",
            "SET FOREIGN_KEY_CHECKS = 0",
            "INSERT INTO r VALUES (1), (2)",
            "INSERT INTO a VALUES (1, 1, 1), (2, 2, 1), (3, 2, 2), (4, NULL, NULL), (5, 2, 3)",
            "INSERT INTO b VALUES (1, 1), (2, 3), (3, 4), (4, NULL), (5, 2)",
            "INSERT INTO x VALUES (1, 2, NULL), (2, 3, 2), (3, NULL, 3), (4, 4, NULL)",
            "INSERT INTO y VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
            "INSERT INTO z VALUES (1, 1), (2, 2), (3, 3), (4, NULL), (5, 1)",
        ],
        limits: || vec![limit("r", 1)],
        relations: no_relations,
        // a1 loses r1, then b1, then a2, then b5 and x1, y1, z1 and z5; the other circles hold.
        kept: &[
            ("r", &[2]),
            ("a", &[3, 4, 5]),
            ("b", &[2, 3, 4]),
            ("x", &[2, 3, 4]),
            ("y", &[2, 3, 4]),
            ("z", &[2, 3, 4]),
        ],
    },
    Case {
        name: "composite_and_nullable_keys",
        make: &[
            "CREATE TABLE p (id INT NOT NULL, a INT NOT NULL, b VARCHAR(9) NOT NULL, PRIMARY KEY (a, b), UNIQUE (id))",
            "CREATE TABLE c (id INT PRIMARY KEY, a INT, b VARCHAR(9), FOREIGN KEY (a, b) REFERENCES p (a, b))",
            "CREATE TABLE u (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id))",
            "INSERT INTO p VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'x')",
            "SET FOREIGN_KEY_CHECKS = 0",
            "INSERT INTO c VALUES (1, 1, 'x'), (2, 1, 'Y'), (3, 2, 'x'), (4, 2, NULL), (5, NULL, 'q'), (6, 9, 'q')",
            "INSERT INTO u VALUES (1, 1), (2, 2), (3, 3), (4, NULL)",
        ],
        limits: || vec![limit("p", 2)],
        relations: no_relations,
        kept: &[("p", &[2, 3]), ("c", &[2, 3, 4, 5]), ("u", &[2, 3, 4])],
    },
    Case {
        name: "nothing_is_wanted_of_a_root",
        make: &[
            "CREATE TABLE p (id INT PRIMARY KEY)",
            "CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id))",
            "INSERT INTO p VALUES (1), (2)",
            "INSERT INTO c VALUES (1, 1), (2, NULL)",
        ],
        limits: || vec![limit("p", 0)],
        relations: no_relations,
        kept: &[("p", &[]), ("c", &[2])],
    },
    Case {
        name: "all_rows_pull_in_their_parents",
        make: &[
            "CREATE TABLE users (id INT PRIMARY KEY)",
            "CREATE TABLE cars (id INT PRIMARY KEY, user INT, FOREIGN KEY (user) REFERENCES users (id))",
            "CREATE TABLE wheels (id INT PRIMARY KEY, car INT, user INT, FOREIGN KEY (car) REFERENCES cars (id), \
             FOREIGN KEY (user) REFERENCES users (id))",
            "INSERT INTO users VALUES (1), (2), (3), (4)",
            "INSERT INTO cars VALUES (1, 1), (2, 3), (3, NULL)",
            "INSERT INTO wheels VALUES (1, 1, 1), (2, 2, 2), (3, 2, 4)",
        ],
        limits: || vec![limit("users", 1), all("cars")],
        relations: no_relations,
        kept: &[("users", &[1, 3, 4]), ("wheels", &[1, 3])],
    },
    Case {
        name: "tables_without_keys",
        make: &[
            "CREATE TABLE p (id INT PRIMARY KEY)",
            // A parent by a key that may be NULL, a child, and a driver.
            "CREATE TABLE m (id INT, code INT UNIQUE, p INT, FOREIGN KEY (p) REFERENCES p (id))",
            "CREATE TABLE c (id INT, p INT, m INT, FOREIGN KEY (p) REFERENCES p (id), FOREIGN KEY (m) REFERENCES m (code))",
            "CREATE TABLE d (id INT, p INT, FOREIGN KEY (p) REFERENCES p (id))",
            "INSERT INTO p VALUES (1), (2), (3)",
            "INSERT INTO m VALUES (1, 10, 1), (2, 20, 3), (3, NULL, 3), (4, 40, NULL)",
            "INSERT INTO c VALUES (1, 3, 10), (2, 3, 20), (3, 2, 40), (4, NULL, NULL), (4, NULL, NULL), (5, 1, 40)",
            "INSERT INTO d VALUES (1, 1), (2, 2), (3, NULL)",
            // There is no such parent.
            "SET FOREIGN_KEY_CHECKS = 0",
            "INSERT INTO m VALUES (5, 50, 9)",
            "INSERT INTO c VALUES (6, 9, NULL), (7, NULL, 90)",
        ],
        limits: || vec![limit("p", 1), by("d", 2, "id", Direction::Desc)],
        relations: no_relations,
        kept: &[("p", &[2, 3]), ("m", &[2, 3, 4]), ("c", &[2, 3, 4, 4]), ("d", &[2, 3])],
    },
    Case {
        name: "one_table_for_many",
        make: &[
            "CREATE TABLE posts (id INT PRIMARY KEY)",
            "CREATE TABLE films (id INT PRIMARY KEY)",
            "CREATE TABLE notes (id INT PRIMARY KEY, kind VARCHAR(20), note_id INT, KEY (kind, note_id))",
            "INSERT INTO posts VALUES (1), (2)",
            "INSERT INTO films VALUES (1), (2), (3)",
            "INSERT INTO notes VALUES (1, 'App\\\\\\\\Post', 1), (2, 'App\\\\\\\\Post', 2), (3, 'film', 1), (4, 'film', 3), (5, 'other', 1), (6, NULL, 1), \
             (7, 'film', NULL)",
        ],
        limits: || vec![limit("posts", 1), limit("films", 1)],
        relations: || {
            vec![
                relation(("notes", "note_id"), ("posts", "id"), &[("kind", "App\\\\Post")]),
                relation(("notes", "note_id"), ("films", "id"), &[("kind", "film")]),
            ]
        },
        kept: &[("posts", &[2]), ("films", &[3]), ("notes", &[2, 4, 5, 6, 7])],
    },
    Case {
        name: "one_table_pulls_in_many",
        make: &[
            "CREATE TABLE posts (id INT PRIMARY KEY)",
            "CREATE TABLE films (id INT PRIMARY KEY)",
            "CREATE TABLE notes (id INT PRIMARY KEY, kind VARCHAR(20), note_id INT)",
            "INSERT INTO posts VALUES (1), (2), (3)",
            "INSERT INTO films VALUES (1), (2), (3)",
            "INSERT INTO notes VALUES (1, 'film', 2), (2, 'post', 2), (3, 'film', 1)",
        ],
        limits: || vec![limit("posts", 1), limit("films", 1), limit("notes", 2)],
        relations: || {
            vec![
                relation(("notes", "note_id"), ("posts", "id"), &[("kind", "post")]),
                relation(("notes", "note_id"), ("films", "id"), &[("kind", "film")]),
            ]
        },
        kept: &[("posts", &[2, 3]), ("films", &[1, 3]), ("notes", &[2, 3])],
    },
    Case {
        name: "orders_along_an_index",
        make: ORDERED_WITH_INDEX,
        limits: order_limits,
        relations: no_relations,
        kept: ORDERED_KEPT,
    },
    Case {
        name: "orders_without_an_index",
        make: ORDERED_WITHOUT_INDEX,
        limits: order_limits,
        relations: no_relations,
        kept: ORDERED_KEPT,
    },
    Case {
        name: "many_rows_without_an_index",
        make: &[
            "CREATE TABLE a (id INT PRIMARY KEY, o INT)",
            "INSERT INTO a (id) VALUES (1)",
            "INSERT INTO a (id) SELECT id + 1 FROM a",
            "INSERT INTO a (id) SELECT id + 2 FROM a",
            "INSERT INTO a (id) SELECT id + 4 FROM a",
            "INSERT INTO a (id) SELECT id + 8 FROM a",
            "INSERT INTO a (id) SELECT id + 16 FROM a",
            "INSERT INTO a (id) SELECT id + 32 FROM a",
            "UPDATE a SET o = IF(id % 9 = 0, NULL, id * 7 % 20)",
            "CREATE TABLE b (id INT PRIMARY KEY, o INT)",
            "INSERT INTO b SELECT * FROM a",
        ],
        limits: || vec![by("a", 3, "o", Direction::Desc), by("b", 9, "o", Direction::Asc)],
        relations: no_relations,
        kept: &[("a", &[17, 37, 57]), ("b", &[9, 18, 20, 27, 36, 40, 45, 54, 63])],
    },
    Case {
        name: "hidden_indexes_are_not_relied_on",
        make: &[
            "CREATE TABLE a (id INT PRIMARY KEY, o INT, KEY (o) /*!80000 INVISIBLE */ /*M!100600 IGNORED */)",
            "INSERT INTO a VALUES (1, 3), (2, 2), (3, 1)",
            "CREATE TABLE b (id INT NOT NULL, a INT NOT NULL, u INT NOT NULL, UNIQUE (id), \
             UNIQUE (u) /*!80000 INVISIBLE */ /*M!100600 IGNORED */, KEY (a) /*!80000 INVISIBLE */ /*M!100600 IGNORED */)",
            "INSERT INTO b VALUES (1, 1, 3), (2, 2, 2), (3, 3, 1)",
        ],
        limits: || vec![by("a", 2, "o", Direction::Asc)],
        relations: || vec![relation(("b", "a"), ("a", "id"), &[])],
        kept: &[("a", &[2, 3]), ("b", &[2, 3])],
    },
    Case {
        name: "a_composite_key_settles_ties",
        make: &[
            "CREATE TABLE t (id INT NOT NULL, a INT NOT NULL, b VARCHAR(9) NOT NULL, PRIMARY KEY (a, b))",
            "INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'a'), (4, 2, 'b'), (5, 2, 'c')",
            "CREATE TABLE u (id INT NOT NULL, a INT NOT NULL, b VARCHAR(9) NOT NULL, PRIMARY KEY (a, b))",
            "INSERT INTO u SELECT * FROM t",
        ],
        limits: || vec![by("t", 3, "a", Direction::Asc), limit("u", 2)],
        relations: no_relations,
        kept: &[("t", &[1, 2, 3]), ("u", &[4, 5])],
    },
    Case {
        name: "a_key_that_cannot_be_walked_settles_ties",
        make: &[
            "CREATE TABLE t (id INT NOT NULL, e ENUM('z', 'm', 'a') NOT NULL PRIMARY KEY, u VARCHAR(9) NOT NULL UNIQUE, n INT)",
            "INSERT INTO t VALUES (1, 'z', 'p', 1), (2, 'm', 'o', 1), (3, 'a', 'q', 1)",
        ],
        limits: || vec![by("t", 2, "n", Direction::Asc)],
        relations: no_relations,
        kept: &[("t", &[1, 2])],
    },
    Case {
        name: "age_condition_and_share",
        make: &[
            "CREATE TABLE a (id INT PRIMARY KEY, created_at DATETIME, KEY (created_at))",
            "INSERT INTO a VALUES (1, '2024-03-05 12:00:00'), (2, '2024-03-05 11:59:59'), (3, NULL), (4, '2024-03-14 00:00:00'), \
             (5, '2024-03-16 00:00:00'), (6, '2024-01-01 00:00:00')",
            "CREATE TABLE b (id INT PRIMARY KEY, created_at DATETIME)",
            "INSERT INTO b SELECT * FROM a",
            "CREATE TABLE c (id INT PRIMARY KEY, created_at DATETIME, KEY (created_at))",
            "INSERT INTO c SELECT * FROM a",
            "CREATE TABLE d (id INT PRIMARY KEY, created_at TIMESTAMP NULL, kind INT)",
            "INSERT INTO d SELECT id, created_at, id % 2 FROM a",
            "CREATE TABLE e (id INT PRIMARY KEY, kind INT)",
            "INSERT INTO e SELECT id, id % 2 FROM a",
            "CREATE TABLE f (id INT, n INT)",
            "INSERT INTO f SELECT id, -id FROM a",
            "CREATE TABLE g (id INT PRIMARY KEY, created_at DATETIME, KEY (created_at))",
            "INSERT INTO g SELECT * FROM a",
        ],
        limits: || {
            let aged = |table: &str| Limit { table: table.into(), keep_days: Some(10), ..Limit::default() };
            vec![
                aged("a"),
                Limit { max_rows: Some(2), ..aged("b") },
                Limit { max_rows: Some(2), ..aged("c") },
                Limit { condition: Some("kind = 1 OR kind IS NULL".into()), ..aged("d") },
                Limit {
                    table: "e".into(),
                    percent: Some(34.0),
                    condition: Some("kind = 0".into()),
                    ..Limit::default()
                },
                Limit {
                    table: "f".into(),
                    percent: Some(50.0),
                    order_by: Some("n".into()),
                    ..Limit::default()
                },
                Limit { max_rows: Some(9), ..aged("g") },
            ]
        },
        relations: no_relations,
        kept: &[
            ("a", &[1, 4, 5]),
            ("b", &[4, 5]),
            ("c", &[4, 5]),
            ("d", &[1, 5]),
            ("e", &[4, 6]),
            ("f", &[1, 2, 3]),
            ("g", &[1, 4, 5]),
        ],
    },
];

/// Ties, NULLs, both directions, cuts among NULLs and before them.
const ORDERED_WITH_INDEX: &[&str] = &[
    "CREATE TABLE a (id INT PRIMARY KEY, o INT, KEY (o))",
    "INSERT INTO a VALUES (1, 5), (2, NULL), (3, 7), (4, 5), (5, NULL), (6, 5), (7, 1)",
    "CREATE TABLE b LIKE a",
    "INSERT INTO b SELECT * FROM a",
    "CREATE TABLE c LIKE a",
    "INSERT INTO c SELECT * FROM a",
    "CREATE TABLE d LIKE a",
    "INSERT INTO d SELECT * FROM a",
    "CREATE TABLE e (id INT PRIMARY KEY, o VARCHAR(9) NOT NULL, KEY (o, id))",
    "INSERT INTO e VALUES (1, 'b'), (2, 'B '), (3, 'a'), (4, 'b'), (5, 'c')",
];

const ORDERED_WITHOUT_INDEX: &[&str] = &[
    "CREATE TABLE a (id INT PRIMARY KEY, o INT)",
    "INSERT INTO a VALUES (1, 5), (2, NULL), (3, 7), (4, 5), (5, NULL), (6, 5), (7, 1)",
    "CREATE TABLE b LIKE a",
    "INSERT INTO b SELECT * FROM a",
    "CREATE TABLE c LIKE a",
    "INSERT INTO c SELECT * FROM a",
    "CREATE TABLE d LIKE a",
    "INSERT INTO d SELECT * FROM a",
    "CREATE TABLE e (id INT PRIMARY KEY, o VARCHAR(9) NOT NULL)",
    "INSERT INTO e VALUES (1, 'b'), (2, 'B '), (3, 'a'), (4, 'b'), (5, 'c')",
];

fn order_limits() -> Vec<Limit> {
    vec![
        by("a", 3, "o", Direction::Desc),
        by("b", 6, "o", Direction::Desc),
        by("c", 4, "o", Direction::Asc),
        by("d", 1, "o", Direction::Asc),
        by("e", 3, "o", Direction::Desc),
    ]
}

const ORDERED_KEPT: &[(&str, &[i64])] =
    &[("a", &[3, 4, 6]), ("b", &[1, 3, 4, 5, 6, 7]), ("c", &[1, 2, 5, 7]), ("d", &[2]), ("e", &[2, 4, 5])];
