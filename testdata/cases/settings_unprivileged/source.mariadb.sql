-- Only into MySQL: MariaDB's server there demands keys.
CREATE TABLE keyless (a INT, b VARCHAR(10)) ENGINE=InnoDB;
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
