SET SESSION sql_mode = '';
ALTER TABLE texts
  ADD utf8mb4_uca1400_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_ai_ci UNIQUE,
  ADD utf8mb4_uca1400_as_cs VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs UNIQUE,
  ADD utf8mb4_uca1400_ai_cs VARCHAR(9) COLLATE utf8mb4_uca1400_ai_cs UNIQUE,
  ADD utf8mb4_uca1400_as_ci VARCHAR(9) COLLATE utf8mb4_uca1400_as_ci UNIQUE,
  ADD utf8mb4_uca1400_nopad_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_nopad_ai_ci UNIQUE,
  ADD utf8mb4_uca1400_nopad_as_ci VARCHAR(9) COLLATE utf8mb4_uca1400_nopad_as_ci UNIQUE,
  ADD utf8mb4_uca1400_german2_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_german2_ai_ci UNIQUE,
  ADD utf8mb4_uca1400_swedish_nopad_as_ci VARCHAR(9) COLLATE utf8mb4_uca1400_swedish_nopad_as_ci UNIQUE,
  ADD utf8mb4_uca1400_persian_nopad_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_persian_nopad_ai_ci UNIQUE,
  ADD utf8mb4_uca1400_persian_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_persian_ai_ci UNIQUE,
  ADD utf8mb3_uca1400_ai_ci VARCHAR(9) COLLATE utf8mb3_uca1400_ai_ci UNIQUE,
  ADD utf8mb3_uca1400_as_cs VARCHAR(9) COLLATE utf8mb3_uca1400_as_cs UNIQUE,
  ADD utf8mb4_nopad_bin VARCHAR(9) COLLATE utf8mb4_nopad_bin UNIQUE,
  ADD utf8mb4_general_nopad_ci VARCHAR(9) COLLATE utf8mb4_general_nopad_ci UNIQUE,
  ADD utf8mb4_unicode_520_nopad_ci VARCHAR(9) COLLATE utf8mb4_unicode_520_nopad_ci UNIQUE,
  ADD latin1_swedish_nopad_ci VARCHAR(9) COLLATE latin1_swedish_nopad_ci UNIQUE,
  ADD utf8mb4_croatian_mysql561_ci VARCHAR(9) COLLATE utf8mb4_croatian_mysql561_ci UNIQUE,
  ADD utf8mb4_thai_520_w2 VARCHAR(9) COLLATE utf8mb4_thai_520_w2 UNIQUE,
  ADD utf8mb4_myanmar_ci VARCHAR(9) COLLATE utf8mb4_myanmar_ci UNIQUE,
  ADD utf8mb3_general_ci VARCHAR(9) COLLATE utf8mb3_general_ci UNIQUE,
  ADD utf8mb4_uca1400_swedish_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_swedish_ai_ci UNIQUE,
  ADD utf8mb4_uca1400_latvian_nopad_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_latvian_nopad_ai_ci UNIQUE,
  ADD utf8mb4_uca1400_romanian_nopad_as_cs VARCHAR(9) COLLATE utf8mb4_uca1400_romanian_nopad_as_cs UNIQUE,
  ADD utf8mb4_uca1400_polish_nopad_ai_ci VARCHAR(9) COLLATE utf8mb4_uca1400_polish_nopad_ai_ci UNIQUE;
UPDATE IGNORE texts SET utf8mb4_uca1400_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_ai_cs = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_as_ci = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_nopad_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_nopad_as_ci = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_german2_ai_ci = t;
-- MySQL's Swedish takes U+212B for Å.
UPDATE IGNORE texts SET utf8mb4_uca1400_swedish_nopad_as_ci = t WHERE t <> x'e284ab';
UPDATE IGNORE texts SET utf8mb4_uca1400_persian_nopad_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_persian_ai_ci = t;
UPDATE IGNORE texts SET utf8mb3_uca1400_ai_ci = t WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
UPDATE IGNORE texts SET utf8mb3_uca1400_as_cs = t WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
UPDATE IGNORE texts SET utf8mb4_nopad_bin = t;
UPDATE IGNORE texts SET utf8mb4_general_nopad_ci = t WHERE class = 1 AND t NOT IN (' ', x'c2a0');
UPDATE IGNORE texts SET utf8mb4_unicode_520_nopad_ci = t WHERE class = 1 AND t NOT IN (' ', x'c2a0');
UPDATE IGNORE texts SET latin1_swedish_nopad_ci = t WHERE class = 1 AND t NOT IN (' ', x'c2a0') AND CONVERT(CONVERT(t USING latin1) USING utf8mb4) = t;
UPDATE IGNORE texts SET utf8mb4_croatian_mysql561_ci = t;
UPDATE IGNORE texts SET utf8mb4_thai_520_w2 = t;
UPDATE IGNORE texts SET utf8mb4_myanmar_ci = t;
UPDATE IGNORE texts SET utf8mb3_general_ci = t WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_swedish_ai_ci = t WHERE t <> x'e284ab';
UPDATE IGNORE texts SET utf8mb4_uca1400_latvian_nopad_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_romanian_nopad_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_uca1400_polish_nopad_ai_ci = t;

-- Both ends of a foreign key become alike, whatever they become; 'a' and 'a ' are two parents where blanks count.
CREATE TABLE parent (code VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs NOT NULL, tag VARCHAR(9) COLLATE utf8mb4_uca1400_nopad_ai_ci NOT NULL, PRIMARY KEY (code, tag), UNIQUE KEY tag (tag)) COLLATE utf8mb4_uca1400_nopad_ai_ci;
CREATE TABLE child (id INT NOT NULL PRIMARY KEY, code VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs, tag VARCHAR(9) COLLATE utf8mb4_uca1400_nopad_ai_ci, own VARCHAR(9) COLLATE utf8mb4_uca1400_nopad_ai_ci,
  CONSTRAINT both_parts FOREIGN KEY (code, tag) REFERENCES parent (code, tag) ON DELETE CASCADE ON UPDATE CASCADE, CONSTRAINT one_part FOREIGN KEY (own) REFERENCES parent (tag) ON DELETE CASCADE ON UPDATE CASCADE) COLLATE utf8mb4_uca1400_as_cs;
INSERT INTO parent VALUES ('a', 'x'), ('ä', 'y'), ('a', '😀'), ('ß', '😁'), ('ss', 'z');
INSERT INTO child VALUES (1, 'a', 'x', '😀'), (2, 'ä', 'y', '😁'), (3, 'a', '😀', NULL), (4, NULL, 'q', 'x'), (5, 'ß', '😁', 'y');
INSERT INTO parent VALUES ('a', 'x ');
INSERT INTO child VALUES (6, 'a', 'x ', 'x ');
