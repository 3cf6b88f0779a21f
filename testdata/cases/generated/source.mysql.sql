SET SESSION sql_generate_invisible_primary_key = 1;
CREATE TABLE made_up_key (t VARCHAR(9) NOT NULL, n INT NULL);
INSERT INTO made_up_key VALUES ('a', 1), ('a', 1), ('b', NULL);
SET SESSION sql_generate_invisible_primary_key = 0;
