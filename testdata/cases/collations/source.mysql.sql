SET SESSION sql_mode = '';
ALTER TABLE texts
  ADD utf8mb4_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_0900_ai_ci UNIQUE,
  ADD utf8mb4_0900_as_ci VARCHAR(9) COLLATE utf8mb4_0900_as_ci UNIQUE,
  ADD utf8mb4_0900_as_cs VARCHAR(9) COLLATE utf8mb4_0900_as_cs UNIQUE,
  ADD utf8mb4_0900_bin VARCHAR(9) COLLATE utf8mb4_0900_bin UNIQUE,
  ADD utf8mb4_de_pb_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_de_pb_0900_ai_ci UNIQUE,
  ADD utf8mb4_sv_0900_as_cs VARCHAR(9) COLLATE utf8mb4_sv_0900_as_cs UNIQUE,
  ADD utf8mb4_es_trad_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_es_trad_0900_ai_ci UNIQUE,
  ADD utf8mb4_ru_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_ru_0900_ai_ci UNIQUE,
  ADD utf8mb4_nb_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_nb_0900_ai_ci UNIQUE,
  ADD utf8mb4_bs_0900_as_cs VARCHAR(9) COLLATE utf8mb4_bs_0900_as_cs UNIQUE,
  ADD utf8mb4_tr_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_tr_0900_ai_ci UNIQUE,
  ADD utf8mb4_ja_0900_as_cs VARCHAR(9) COLLATE utf8mb4_ja_0900_as_cs UNIQUE,
  ADD utf8mb4_ja_0900_as_cs_ks VARCHAR(9) COLLATE utf8mb4_ja_0900_as_cs_ks UNIQUE,
  ADD utf8mb4_zh_0900_as_cs VARCHAR(9) COLLATE utf8mb4_zh_0900_as_cs UNIQUE,
  ADD utf8mb4_unicode_520_ci VARCHAR(9) COLLATE utf8mb4_unicode_520_ci UNIQUE,
  ADD utf8mb3_general_ci VARCHAR(9) COLLATE utf8mb3_general_ci UNIQUE,
  ADD utf8mb3_tolower_ci VARCHAR(9) COLLATE utf8mb3_tolower_ci UNIQUE,
  ADD utf8mb4_sl_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_sl_0900_ai_ci UNIQUE,
  ADD utf8mb4_sk_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_sk_0900_ai_ci UNIQUE,
  ADD utf8mb4_lt_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_lt_0900_ai_ci UNIQUE,
  ADD utf8mb4_sv_0900_ai_ci VARCHAR(9) COLLATE utf8mb4_sv_0900_ai_ci UNIQUE;
UPDATE IGNORE texts SET utf8mb4_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_0900_as_ci = t;
UPDATE IGNORE texts SET utf8mb4_0900_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_0900_bin = t;
UPDATE IGNORE texts SET utf8mb4_de_pb_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_sv_0900_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_es_trad_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_ru_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_nb_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_bs_0900_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_tr_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_ja_0900_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_ja_0900_as_cs_ks = t;
UPDATE IGNORE texts SET utf8mb4_zh_0900_as_cs = t;
UPDATE IGNORE texts SET utf8mb4_unicode_520_ci = t;
UPDATE IGNORE texts SET utf8mb3_general_ci = t WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
UPDATE IGNORE texts SET utf8mb3_tolower_ci = t WHERE CONVERT(CONVERT(t USING utf8mb3) USING utf8mb4) = t;
UPDATE IGNORE texts SET utf8mb4_sl_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_sk_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_lt_0900_ai_ci = t;
UPDATE IGNORE texts SET utf8mb4_sv_0900_ai_ci = t;

-- Both ends of a foreign key become alike, whatever they become; 'a' and 'a ' are two parents where blanks count.
CREATE TABLE parent (code VARCHAR(9) COLLATE utf8mb4_0900_as_cs NOT NULL, tag VARCHAR(9) COLLATE utf8mb4_0900_ai_ci NOT NULL, PRIMARY KEY (code, tag), UNIQUE KEY tag (tag)) COLLATE utf8mb4_0900_ai_ci;
CREATE TABLE child (id INT NOT NULL PRIMARY KEY, code VARCHAR(9) COLLATE utf8mb4_0900_as_cs, tag VARCHAR(9) COLLATE utf8mb4_0900_ai_ci, own VARCHAR(9) COLLATE utf8mb4_0900_ai_ci,
  CONSTRAINT both_parts FOREIGN KEY (code, tag) REFERENCES parent (code, tag) ON DELETE CASCADE ON UPDATE CASCADE, CONSTRAINT one_part FOREIGN KEY (own) REFERENCES parent (tag) ON DELETE CASCADE ON UPDATE CASCADE) COLLATE utf8mb4_0900_as_cs;
INSERT INTO parent VALUES ('a', 'x'), ('ä', 'y'), ('a', '😀'), ('ß', '😁'), ('ss', 'z');
INSERT INTO child VALUES (1, 'a', 'x', '😀'), (2, 'ä', 'y', '😁'), (3, 'a', '😀', NULL), (4, NULL, 'q', 'x'), (5, 'ß', '😁', 'y');
INSERT INTO parent VALUES ('a ', 'x ');
INSERT INTO child VALUES (6, 'a ', 'x ', 'x ');
