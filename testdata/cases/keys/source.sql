-- Rows that are there twice stay two.
CREATE TABLE keyless (a INT, b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci);
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (1, 'x'), (1, 'x'), (1, 'x'), (1, 'x'), (1, 'x'), (1, 'X'), (NULL, NULL), (NULL, NULL), (2, ''), (2, ' ');
CREATE TABLE only_unique (u BIGINT UNSIGNED NOT NULL, n INT, UNIQUE KEY u (u));
INSERT INTO only_unique VALUES (0, 1), (1, 2), (2, 3), (9223372036854775806, 4), (9223372036854775807, 5), (9223372036854775808, 6), (9223372036854775809, 7), (18446744073709551614, 8), (18446744073709551615, 9);
-- No key at all, as far as NULLs go.
CREATE TABLE only_nullable (u INT, v INT, n INT, UNIQUE KEY u (u), UNIQUE KEY u_v (v, u));
INSERT INTO only_nullable VALUES (NULL, NULL, 1), (NULL, NULL, 1), (NULL, NULL, 1), (NULL, NULL, 1), (NULL, 1, 2), (NULL, 1, 2), (NULL, 1, 2), (1, 1, 3), (2, NULL, 4), (-1, 2, 5);
CREATE TABLE by_text (k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, n INT);
INSERT INTO by_text VALUES ('', 0), ('a', 1), ('B', 2), ('c', 3), ('D', 4), ('É', 5), ('z', 6), ('Z1', 7), ('''quoted''', 8), ('back\\slash', 9), ('ß', 10), ('ж', 11), ('日本', 12), ('😀', 13), ('%', 14), ('_', 15), ('line
end', 16), ('\0', 17), ('\Z', 18), ('~', 19);
CREATE TABLE by_two_texts (a CHAR(5) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL, b VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL, n INT, PRIMARY KEY (b, a));
INSERT INTO by_two_texts VALUES ('', '', 1), ('', 'x', 1), ('', 'Y', 1), ('', 'é', 1), ('a', '', 1), ('a', 'x', 1), ('a', 'Y', 1), ('a', 'é', 1), ('B', '', 1), ('B', 'x', 1), ('B', 'Y', 1), ('B', 'é', 1), ('ä', '', 1), ('ä', 'x', 1), ('ä', 'Y', 1), ('ä', 'é', 1), ('z', '', 1), ('z', 'x', 1), ('z', 'Y', 1), ('z', 'é', 1);
CREATE TABLE by_enum_behind (id INT NOT NULL, e ENUM('z', 'a', 'm', '10', '9', '') NOT NULL, n INT, PRIMARY KEY (id, e));
INSERT INTO by_enum_behind VALUES (-1, 'z', -1), (-1, 'a', -1), (-1, 'm', -1), (-1, '10', -1), (-1, '9', -1), (-1, '', -1), (1, 'z', 1), (1, 'a', 1), (1, 'm', 1), (1, '10', 1), (1, '9', 1), (1, '', 1), (2, 'z', 2), (2, 'a', 2), (2, 'm', 2), (2, '10', 2), (2, '9', 2), (2, '', 2), (3, 'z', 3), (3, 'a', 3), (3, 'm', 3), (3, '10', 3), (3, '9', 3), (3, '', 3);
CREATE TABLE by_enum (e ENUM('zebra', 'apple', 'MANGO', '2', '1') NOT NULL PRIMARY KEY, n INT);
INSERT INTO by_enum VALUES ('zebra', 1), ('apple', 1), ('MANGO', 1), ('2', 1), ('1', 1);
CREATE TABLE by_set (s SET('z', 'a', 'm') NOT NULL, n INT NOT NULL, UNIQUE KEY s_n (s, n));
INSERT INTO by_set VALUES ('', 0), ('z', 1), ('a', 2), ('m', 3), ('z,a', 4), ('z,m', 5), ('a,m', 6), ('z,a,m', 7);
CREATE TABLE by_negative (a INT NOT NULL, b TINYINT NOT NULL, PRIMARY KEY (a, b));
INSERT INTO by_negative VALUES (-2147483648, -128), (-2147483648, -1), (-2147483648, 0), (-2147483648, 127), (-7, -128), (-7, -1), (-7, 0), (-7, 127), (-1, -128), (-1, -1), (-1, 0), (-1, 127), (0, -128), (0, -1), (0, 0), (0, 127), (1, -128), (1, -1), (1, 0), (1, 127), (2147483647, -128), (2147483647, -1), (2147483647, 0), (2147483647, 127);
CREATE TABLE by_decimal (d DECIMAL(30,10) NOT NULL PRIMARY KEY, n INT);
INSERT INTO by_decimal VALUES (-12345678901234567890.0000000001, 1), (-1.5, 1), (-1.4999999999, 1), (-0.0000000001, 1), (0, 1), (0.0000000001, 1), (1, 1), (1.0000000001, 1), (2, 1), (99999999999999999999.9999999999, 1);
CREATE TABLE by_float (f FLOAT NOT NULL, n INT NOT NULL, PRIMARY KEY (f, n));
INSERT INTO by_float VALUES (-3.4e38, 1), (-3.4e38, 2), (-0.1, 1), (-0.1, 2), (0, 1), (0, 2), (0.1, 1), (0.1, 2), (0.0105162525, 1), (0.0105162525, 2), (16777216, 1), (16777216, 2), (16777219, 1), (16777219, 2);
CREATE TABLE by_time (d DATE NOT NULL, t TIME(6) NOT NULL, s TIMESTAMP(6) NOT NULL DEFAULT '2000-01-01 00:00:00', m DATETIME(3) NOT NULL, y YEAR NOT NULL, PRIMARY KEY (d, t, s, m, y));
INSERT INTO by_time VALUES ('0000-00-00', '-838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('0000-00-00', '-00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('0000-00-00', 0, '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('0000-00-00', '00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('0000-00-00', '838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-00-31', '-838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-00-31', '-00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-00-31', 0, '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-00-31', '00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-00-31', '838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-02-29', '-838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-02-29', '-00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-02-29', 0, '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-02-29', '00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('2024-02-29', '838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('9999-12-31', '-838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('9999-12-31', '-00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('9999-12-31', 0, '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('9999-12-31', '00:00:00.000001', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155), ('9999-12-31', '838:59:59', '2024-10-27 01:00:00.5', '9999-12-31 23:59:59.999', 2155);
CREATE TABLE by_uuid (u BINARY(16) NOT NULL PRIMARY KEY, n INT);
INSERT INTO by_uuid VALUES (x'00000000000000000000000000000000', 1), (x'00000000000000000000000000000001', 1), (x'27272727272727272727272727272727', 1), (x'5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c', 1), (x'7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f', 1), (x'80808080808080808080808080808080', 1), (x'ffffffffffffffffffffffffffffffff', 1), (x'20202020202020202020202020202020', 1), (x'61000000000000000000000000000000', 1), (x'41202020202020202020202020202020', 1);
CREATE TABLE by_bytes (b VARBINARY(9) NOT NULL PRIMARY KEY);
INSERT INTO by_bytes VALUES (x''), (x'00'), (x'0000'), (x'20'), (x'2000'), (x'27'), (x'5c27'), (x'61'), (x'6100'), (x'6120'), (x'ff'), (x'ffff');
CREATE TABLE by_bit (b BIT(64) NOT NULL, f BIT(1) NOT NULL, PRIMARY KEY (b, f));
INSERT INTO by_bit VALUES (0, 0), (0, 1), (1, 0), (1, 1), (0x27, 0), (0x27, 1), (x'7fffffffffffffff', 0), (x'7fffffffffffffff', 1), (x'8000000000000000', 0), (x'8000000000000000', 1), (x'ffffffffffffffff', 0), (x'ffffffffffffffff', 1);
-- What makes it unique is what it is walked by, though another comes first.
CREATE TABLE by_second_key (a INT NULL, e ENUM('b', 'a') NOT NULL, k VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, UNIQUE KEY a (a), UNIQUE KEY by_e (e, k), UNIQUE KEY key_k (k));
INSERT INTO by_second_key VALUES (NULL, 'a', 'x'), (NULL, 'b', 'X'), (1, 'a', 'y'), (2, 'a', ' y'), (3, 'b', '');
