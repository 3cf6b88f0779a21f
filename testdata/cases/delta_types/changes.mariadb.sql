UPDATE addresses SET v4 = '255.255.255.255', v6 = '::ffff:192.0.2.128', updated_at = NOW() WHERE v4 IS NULL;
INSERT INTO addresses VALUES ('00000000-0000-0000-0000-000000000000', '0.0.0.0', '2001:db8::1', NOW(), NOW());
