CREATE TABLE own (id INT NOT NULL PRIMARY KEY) ENGINE = InnoDB;
INSERT INTO own VALUES (1), (2), (3);
SET GLOBAL sql_select_limit = 2;
SET GLOBAL sql_safe_updates = 1;
SET GLOBAL sql_big_selects = 0;
SET GLOBAL sql_quote_show_create = 0;
