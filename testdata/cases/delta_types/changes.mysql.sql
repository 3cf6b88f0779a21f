UPDATE vectors SET v = STRING_TO_VECTOR('[3.4e38,-0.0,1.2e-38]'), updated_at = NOW() WHERE id = 2;
INSERT INTO vectors VALUES (3, STRING_TO_VECTOR('[39,92]'), NOW(), NOW());
