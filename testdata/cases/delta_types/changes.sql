-- Values of unique keys change places; one row stays as it was.
UPDATE numbers SET u = 7, updated_at = NOW() WHERE id = 0;
UPDATE numbers SET u = 0, i = -1, d = '0.000000000000000000000000000001', f = 0.0105162525, e = -2.2250738585072014e-308, b1 = 0, b64 = x'275c0a0d001a2722', y = 2155, updated_at = NOW() WHERE id = 1;
UPDATE numbers SET u = 1, updated_at = NOW() WHERE id = 0;
INSERT INTO numbers VALUES (18446744073709551615, 127, NULL, NULL, 1.17549e-38, 1.7976931348623157e308, NULL, NULL, NULL, NOW(), NOW());

UPDATE `per%cent/``ta.ble` SET `*/ -- it's` = x'275c5c270a0d001a', `select` = x'5c27', utf16 = '😀''\\', sjis = x'945c5c27', latin = 'ÿ''\\', blob_ = REPEAT(x'275c00', 9000), t = CONCAT('''\\\0\r\n\Z', REPEAT('😀', 9000)), UPDATED_at = NOW() WHERE `the key` = 'a';
INSERT INTO `per%cent/``ta.ble` VALUES ('', x'', x'', '', '', '', '', '', NULL, NULL), ('\\', x'ff', x'ffffffff', 'ж', x'b1', 'a', x'ff', '--', NOW(), NOW());

UPDATE moments SET ts = '2038-01-19 03:14:07.999', dt = '0000-00-00 00:00:00' WHERE d = '0000-00-00';
INSERT INTO moments VALUES ('2023-02-30', '838:59:59', '1970-01-01 00:00:01.001', '9999-12-31 23:59:59.999999', NULL, NOW(), NOW()), ('2024-10-27', '-00:00:00.1', '2024-10-27 00:30:00', '0000-01-01 00:00:00.5', 0, NULL, NULL);

UPDATE computed SET n = 30, hidden = NULL, updated_at = NOW() WHERE id = 0;
UPDATE computed SET n = 0, up = 2, updated_at = NOW() WHERE id = 1;
INSERT INTO computed (id, n, hidden, up, created_at, updated_at) VALUES (3, 1, 5, 1, NOW(), NOW()), (-1, NULL, 6, 3, NOW(), NOW());

UPDATE documents SET j = '{"name": "é😀\\u0000", "n": 18446744073709551615, "d": [1.5, null, "''\\\\"]}', updated_at = NOW() WHERE id = 2;
INSERT INTO documents (id, j, created_at, updated_at) VALUES (3, 'null', NOW(), NOW());

UPDATE shapes SET g = ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), p = ST_GeomFromText('POINT(-48.5 11.25)', 4326), updated_at = NOW() WHERE id = 2;
INSERT INTO shapes VALUES (3, ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0))', 4326), ST_GeomFromText('POINT(1 2)', 4326), NOW(), NOW());

SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
UPDATE members SET e = 0, w = 0, updated_at = NOW() WHERE n = 1 AND k = 2;
UPDATE members SET e = 'a', w = 'a', updated_at = NOW() WHERE n = 1 AND k = 3;
UPDATE members SET w = NULL, updated_at = NOW() WHERE n = 2 AND k = 0;
INSERT INTO members VALUES (0, 0, 0, 3, 0, NOW(), NOW()), ('b', NULL, 'y', 3, 'é', NOW(), NULL);
