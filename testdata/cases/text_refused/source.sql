-- MariaDB takes bytes above 127 in ASCII, MySQL does not.
CREATE TABLE plain (id INT NOT NULL PRIMARY KEY, a VARCHAR(9) CHARACTER SET ascii);
INSERT INTO plain VALUES (1, 'a'), (2, x'73656372e974');
