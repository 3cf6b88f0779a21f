CREATE TABLE people (
  id INT NOT NULL PRIMARY KEY, Name VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL, age TINYINT NOT NULL, score INT NULL, gone VARCHAR(10) NULL,
  kind ENUM('a','b','c') NOT NULL, flags SET('x','y') NULL, big BIGINT NOT NULL, price DECIMAL(6,4) NOT NULL, total INT NOT NULL, at DATETIME(6) NULL
);
INSERT INTO people (id, Name, age, score, gone, kind, flags, big, price, total, at) VALUES
(1, 'Zoë', 7, 4, 'g', 'a', 'x,y', 5, 1.5, 9, '2024-01-01 00:00:00'), (2, '€', -128, 3, NULL, 'c', '', -2147483648, -99.25, 1, NULL);
CREATE TABLE other_key (a INT NOT NULL, b INT NOT NULL, v VARCHAR(5), PRIMARY KEY (a));
INSERT INTO other_key VALUES (1, 10, 'x'), (2, 20, 'y');
CREATE TABLE same (id INT NOT NULL PRIMARY KEY);
INSERT INTO same VALUES (1);
