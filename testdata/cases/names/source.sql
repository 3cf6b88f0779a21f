CREATE TABLE `select` (`group` INT NOT NULL PRIMARY KEY, `order` INT, `primary` VARCHAR(9) COMMENT 'PRIMARY KEY', `key` INT, `constraint` INT, `generated` INT, `values` INT,
  KEY `index` (`order`), KEY `table` (`key`, `primary`), UNIQUE KEY `unique` (`constraint`), CONSTRAINT `check` CHECK (`values` > 0));
INSERT INTO `select` VALUES (1, 2, 'a', 3, 4, 5, 6), (2, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE `from` (`select` INT NOT NULL PRIMARY KEY, `where` INT NOT NULL, CONSTRAINT `references` FOREIGN KEY (`where`) REFERENCES `select` (`group`) ON DELETE CASCADE);
INSERT INTO `from` VALUES (1, 1), (2, 2), (3, 1);

-- Each of these breaks something that is put together from texts: SQL, paths, addresses, files, logs.
CREATE TABLE `per%cent/slash.dot` (`a.b/c%d\` INT NOT NULL, `*/ -- ``it's``
"x"` VARCHAR(20) NULL, `%s %d {0} $1 ? :a @b #` INT, PRIMARY KEY (`a.b/c%d\`),
  KEY `)` (`%s %d {0} $1 ? :a @b #`), KEY `KEY ``x`` (``y``),` (`%s %d {0} $1 ? :a @b #`, `a.b/c%d\`));
INSERT INTO `per%cent/slash.dot` VALUES (1, 'a', 1), (2, NULL, 2), (-1, 'b', 1), (0, '', NULL);

CREATE TABLE `a``b``` (```` INT NOT NULL, `'` INT, `"` INT, `;` INT, `,` INT, `(` INT, `)` INT, `=` INT, `--` INT, `/*` INT, `#` INT, `\` INT, `\'` INT, PRIMARY KEY (````),
  UNIQUE KEY `'` (`'`), KEY `"` (`"`), CONSTRAINT `),` CHECK (`)` < `(`));
INSERT INTO `a``b``` VALUES (1, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11, 12, 13), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE `line
end	tab` (`new
line` INT NOT NULL, `tab	_` INT, ` leading` VARCHAR(9), PRIMARY KEY (`new
line`), KEY `in
dex` (` leading`), CONSTRAINT `key
 of two lines` FOREIGN KEY (`tab	_`) REFERENCES `a``b``` (````) ON UPDATE CASCADE);
INSERT INTO `line
end	tab` VALUES (1, 1, 'x'), (2, 2, ''), (3, NULL, NULL);

-- 50 marks are a file name of 250 bytes.
CREATE TABLE `%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%` (`----------------------------------------------------------------` INT NOT NULL, PRIMARY KEY (`----------------------------------------------------------------`));
INSERT INTO `%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%` VALUES (1), (2);

CREATE TABLE ` leading  spaces` (`two words` INT NOT NULL, ` .` INT NOT NULL DEFAULT 3, `x y` INT GENERATED ALWAYS AS (`two words` + 1) STORED, PRIMARY KEY (`two words`), KEY ` x` (`x y`)) COMMENT = ' x ';
INSERT INTO ` leading  spaces` (`two words`) VALUES (1), (2);

-- Letters of many scripts; what lies beyond the first plane no server takes.
CREATE TABLE `größe ☃` (`straße` INT NOT NULL PRIMARY KEY, `имя` VARCHAR(9) COMMENT 'имя', `名前` INT, `ﷺ` INT, KEY `ключ` (`имя`), CONSTRAINT `проверка` CHECK (`名前` > 0));
INSERT INTO `größe ☃` VALUES (1, 'ä', 1, 1), (2, NULL, NULL, NULL);

-- As numbers, and as what a program means by nothing.
CREATE TABLE `1` (`2` INT NOT NULL PRIMARY KEY, `null` INT, `0x41` INT, `1e5` INT, `true` INT);
INSERT INTO `1` VALUES (1, 2, 3, 4, 5);
CREATE TABLE `null` (`NULL` INT NOT NULL PRIMARY KEY);
INSERT INTO `null` VALUES (1);
CREATE TABLE `.` (`.` INT NOT NULL PRIMARY KEY, `..` INT);
INSERT INTO `.` VALUES (1, 2);
CREATE TABLE `..` (`.` INT NOT NULL PRIMARY KEY, `?x=1&after=2#` INT);
INSERT INTO `..` VALUES (1, 2), (3, 4);
CREATE TABLE `C:\con` (a INT NOT NULL PRIMARY KEY);
INSERT INTO `C:\con` VALUES (1);

-- Tables whose names differ only in case are two, columns are not.
CREATE TABLE Twins (Id INT NOT NULL PRIMARY KEY, Größe INT, KEY BY_it (Größe));
INSERT INTO Twins VALUES (1, 10), (2, 20);
CREATE TABLE twins (ID INT NOT NULL PRIMARY KEY, n INT, KEY by_IT (N), CONSTRAINT one_of_twins FOREIGN KEY (n) REFERENCES Twins (id));
INSERT INTO twins VALUES (1, 2), (3, 1);
CREATE TABLE TWINS (id INT NOT NULL PRIMARY KEY, n INT, CONSTRAINT other_of_twins FOREIGN KEY (N) REFERENCES twins (iD));
INSERT INTO TWINS VALUES (7, 3);

-- 64 characters everywhere; the second of two bytes each.
CREATE TABLE `tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt_end` (`cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end` INT NOT NULL, `xccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end` INT, PRIMARY KEY (`cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end`), KEY `iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii_end` (`xccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end`), CONSTRAINT `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk_end` CHECK (`xccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end` > 0),
  CONSTRAINT `ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff_end` FOREIGN KEY (`xccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end`) REFERENCES `select` (`group`));
INSERT INTO `tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt_end` VALUES (1, 2), (2, 1), (3, NULL);
CREATE TABLE `ääääääääääääääääääääääääääääääääääääääää` (`öööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööö` INT NOT NULL, PRIMARY KEY (`öööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööö`), CONSTRAINT `üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü` FOREIGN KEY (`öööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööö`) REFERENCES `tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt_end` (`cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc_end`));
INSERT INTO `ääääääääääääääääääääääääääääääääääääääää` VALUES (1), (3);

-- Like ours, but for tables: those that begin so are kept for the program.
CREATE TABLE `our ``own``` (`_backfill_k0` INT NOT NULL, `_backfill_k1` VARCHAR(60) NOT NULL, `_backfill_n` INT, `_backfill_level` INT, `t` INT, `backfill_keys` INT, `x` INT,
  PRIMARY KEY (`_backfill_k0`), KEY `_backfill_k1` (`_backfill_k1`), CONSTRAINT `_backfill_1_fk1` FOREIGN KEY (`t`) REFERENCES `our ``own``` (`_backfill_k0`));
INSERT INTO `our ``own``` VALUES (1, 'a', 1, 1, 1, 1, 1), (2, 'b', 2, 2, 1, 2, 2), (3, 'c', NULL, NULL, NULL, NULL, NULL);
-- Numbered by the copy itself, which must find another name for that.
CREATE TABLE like_ours (`_backfill_k1` INT, `_BACKFILL_N` INT, `_backfill_moment` INT);
INSERT INTO like_ours VALUES (1, 1, 1), (1, 1, 1), (NULL, NULL, NULL);
CREATE TABLE `_backfil` (a INT NOT NULL PRIMARY KEY);
INSERT INTO `_backfil` VALUES (1);
