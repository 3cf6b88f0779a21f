CREATE TABLE large (id INT NOT NULL PRIMARY KEY, b LONGBLOB NULL, t LONGTEXT NULL);
-- Bytes travel as hexadecimal, text as it is with its quotes escaped.
INSERT INTO large VALUES (1, REPEAT(x'ff', 490000), NULL), (2, NULL, REPEAT('a', 980000)), (3, NULL, REPEAT('''', 490000)), (4, REPEAT(x'00', 200000), REPEAT('é', 280000)), (5, NULL, NULL);
-- Together they fill several packets.
CREATE TABLE many (id INT NOT NULL PRIMARY KEY, t TEXT NOT NULL);
INSERT INTO many SELECT n, REPEAT(CHAR(97 + MOD(n, 26)), 30000)
FROM (WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 100) SELECT n FROM numbers) numbers;
