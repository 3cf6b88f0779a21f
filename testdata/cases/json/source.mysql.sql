-- MySQL's functions can put types into a document that JSON does not have. As text, which is how documents travel, they
-- are strings and numbers.
CREATE TABLE typed (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO typed VALUES (1, JSON_ARRAY(CAST('2020-01-02' AS DATE), CAST('2020-01-02 03:04:05.678' AS DATETIME(3)), CAST('-12:00:00' AS TIME))),
(2, JSON_ARRAY(CAST(1.5 AS DECIMAL(5,2)), CAST(12345678901234567890.125 AS DECIMAL(40,3)))), (3, CAST(x'00ff' AS JSON)), (4, CAST(18446744073709551615 AS JSON));
