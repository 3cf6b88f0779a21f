-- Current rows come, history stays; the row's period is no column of an ordinary table.
CREATE TABLE versioned (a INT NOT NULL PRIMARY KEY, b INT, KEY b (b)) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 1), (2, 2), (3, 3);
UPDATE versioned SET b = 10 WHERE a = 1;
DELETE FROM versioned WHERE a = 2;
CREATE TABLE versioned_by_columns (a INT NOT NULL PRIMARY KEY, b INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
  PERIOD FOR SYSTEM_TIME (s, e), UNIQUE KEY b (b)) WITH SYSTEM VERSIONING;
INSERT INTO versioned_by_columns (a, b) VALUES (1, 1), (2, 2), (3, NULL);
UPDATE versioned_by_columns SET b = 7 WHERE a = 2;
DELETE FROM versioned_by_columns WHERE a = 3;
CREATE TABLE versioned_in_part (a INT NOT NULL, b INT WITHOUT SYSTEM VERSIONING, c INT) WITH SYSTEM VERSIONING;
INSERT INTO versioned_in_part VALUES (1, 1, 1), (1, 1, 1);
UPDATE versioned_in_part SET c = 2 LIMIT 1;

CREATE SEQUENCE counter START WITH 100 INCREMENT BY 10;
CREATE TABLE counted (a INT NOT NULL DEFAULT (NEXT VALUE FOR counter), b INT);
INSERT INTO counted (b) VALUES (1), (2);

CREATE TABLE in_pages (a INT NOT NULL PRIMARY KEY, b TEXT) ENGINE = InnoDB ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 4;
INSERT INTO in_pages VALUES (1, REPEAT('x', 9000));
CREATE TABLE in_compressed_pages (a INT NOT NULL PRIMARY KEY, b TEXT) ENGINE = InnoDB PAGE_COMPRESSED = 1;
INSERT INTO in_compressed_pages VALUES (1, REPEAT('x', 9000));
