-- MariaDB stores 0.
CREATE TABLE negative_zero (id INT NOT NULL PRIMARY KEY, f FLOAT, d DOUBLE);
INSERT INTO negative_zero VALUES (1, -0e0, -0e0), (2, 0, 0);
