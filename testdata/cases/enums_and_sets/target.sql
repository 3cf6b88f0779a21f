CREATE TABLE moods (id INT NOT NULL PRIMARY KEY, mood ENUM('😀','x') NOT NULL DEFAULT 'x', more SET('y','👍') NULL);
