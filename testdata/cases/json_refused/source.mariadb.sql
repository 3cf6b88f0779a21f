-- No DOUBLE is that large.
CREATE TABLE numbers (id INT NOT NULL PRIMARY KEY, j JSON);
INSERT INTO numbers VALUES (1, '{}'), (2, '{"secret": 1e400}');
