CREATE TABLE moods (id INT NOT NULL PRIMARY KEY, mood ENUM('😀','x') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL);
INSERT INTO moods VALUES (1, 'x'), (2, '😀');
