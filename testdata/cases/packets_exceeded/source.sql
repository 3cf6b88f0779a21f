CREATE TABLE documents (id INT NOT NULL PRIMARY KEY, body LONGBLOB) ENGINE=InnoDB;
INSERT INTO documents VALUES (1, 'small'), (8, REPEAT(x'00', 8500000)), (9, 'small');
