-- NULL is no document, 'null' is one.
CREATE TABLE documents (id INT NOT NULL PRIMARY KEY, j JSON, k JSON NOT NULL, d JSON DEFAULT (JSON_OBJECT('a', JSON_ARRAY(1, 'é'))));
INSERT INTO documents (id, j, k, d) VALUES
(0, NULL, 'null', NULL),
(1, '{}', JSON_ARRAY(NULL, 1), '{}'),
(2, '[]', JSON_ARRAY(NULL, 2), '{}'),
(3, 'null', JSON_ARRAY(NULL, 3), '{}'),
(4, 'true', JSON_ARRAY(NULL, 4), '{}'),
(5, 'false', JSON_ARRAY(NULL, 5), '{}'),
(6, '0', JSON_ARRAY(NULL, 6), '{}'),
(7, '-1', JSON_ARRAY(NULL, 7), '{}'),
(8, '9223372036854775807', JSON_ARRAY(NULL, 8), '{}'),
(9, '-9223372036854775808', JSON_ARRAY(NULL, 9), '{}'),
(10, '18446744073709551615', JSON_ARRAY(NULL, 10), '{}'),
(11, '""', JSON_ARRAY(NULL, 11), '{}'),
(12, '"NULL"', JSON_ARRAY(NULL, 12), '{}'),
(13, '"\\\\N"', JSON_ARRAY(NULL, 13), '{}'),
(14, '"a"', JSON_ARRAY(NULL, 14), '{}'),
(15, '1.5', JSON_ARRAY(NULL, 15), '{}'),
(16, '-0.25', JSON_ARRAY(NULL, 16), '{}'),
(17, '1e20', JSON_ARRAY(NULL, 17), '{}'),
(18, '1e-7', JSON_ARRAY(NULL, 18), '{}'),
(19, '0.1', JSON_ARRAY(NULL, 19), '{}'),
(20, '0.30000000000000004', JSON_ARRAY(NULL, 20), '{}'),
(21, '5e-324', JSON_ARRAY(NULL, 21), '{}'),
(22, '1.7976931348623157e308', JSON_ARRAY(NULL, 22), '{}'),
(23, '-2.2250738585072014e-308', JSON_ARRAY(NULL, 23), '{}'),
(24, '{"b": 1, "a": {"c": [1, [2, [3, {}]], null, "x"]}, "": 0, "aa": "", " ": []}', JSON_ARRAY(NULL, 24), '{}'),
(25, '{"a.b": 1, "a b": 2, "$": 3, "\\"": 4, "\\\\": 5, "''": 6, "`": 7}', JSON_ARRAY(NULL, 25), '{}'),
(26, '"\\u00e9\\ud83d\\ude00\\u0000\\u001f\\u007f\\u2028\\ufffd"', JSON_ARRAY(NULL, 26), '{}'),
(27, '"\\b\\f\\n\\r\\t\\/\\\\\\""', JSON_ARRAY(NULL, 27), '{}'),
(28, '"é😀ß中"', JSON_ARRAY(NULL, 28), '{}'),
(29, '["''", "--", "/*", "\\u0027", "%", "; DROP TABLE x; "]', JSON_ARRAY(NULL, 29), '{}'),
(30, '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]', JSON_ARRAY(NULL, 30), '{}'),
(31, '{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}', JSON_ARRAY(NULL, 31), '{}'),
(32, '[1,2,\t3 ,\n 4]', JSON_ARRAY(NULL, 32), '{}'),
(33, '[true, false, null, 1, 1.0, 1e0, "1"]', JSON_ARRAY(NULL, 33), '{}'),
(34, ' "blanks around" ', JSON_ARRAY(NULL, 34), '{}');
INSERT INTO documents (id, k) VALUES (100, '[]');

-- More than a batch of a MiB holds with the others; every piece of it is a quote or a backslash that is escaped twice.
CREATE TABLE large (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO large VALUES (1, JSON_OBJECT('a', REPEAT('\\"', 100000))), (2, JSON_ARRAY(REPEAT('é😀', 60000))), (3, '{}');

-- Text that holds JSON is text.
CREATE TABLE as_text (
  id INT NOT NULL PRIMARY KEY, t TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, l LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
  s TEXT CHARACTER SET latin1
);
INSERT INTO as_text VALUES (1, '{"b":1,  "a":1, "a":12345678901234567890123}', '{"b":1,"b":2', '{"a":"é"}'), (2, '[1.0,1e2]', '', NULL), (3, NULL, NULL, '');

-- Looked into by a generated column.
CREATE TABLE indexed (
  id INT NOT NULL PRIMARY KEY, j JSON NOT NULL, name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.name'))) STORED, UNIQUE KEY name (name)
);
INSERT INTO indexed (id, j) VALUES (1, '{"name": "Zoë 😀"}'), (2, '{"name": "o\'neil"}'), (3, '{}'), (4, '[]');
