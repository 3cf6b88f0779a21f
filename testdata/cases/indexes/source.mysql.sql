CREATE TABLE functional (id INT NOT NULL PRIMARY KEY, t VARCHAR(50) NULL, a INT NULL, j JSON NULL, KEY lower_t ((LOWER(t))), KEY mixed (a, (a * 2) DESC, t), UNIQUE KEY sum_ ((a + 1)), KEY from_json ((CAST(j->>'$.n' AS UNSIGNED))), KEY unseen (a) INVISIBLE);
INSERT INTO functional VALUES (1, 'A', 1, '{"n": 5}'), (2, 'b', 2, NULL), (3, NULL, NULL, '{}');
