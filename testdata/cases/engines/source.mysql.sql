CREATE TABLE in_archive (a INT, b TEXT) ENGINE = ARCHIVE;
INSERT INTO in_archive VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
