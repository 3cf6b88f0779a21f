-- The other end of the foreign key comes with the source's collation.
CREATE TABLE parent (code VARCHAR(9) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY);
INSERT INTO parent VALUES ('old');
