CREATE TABLE shapes (
  id INT NOT NULL PRIMARY KEY, g GEOMETRY, p POINT, l LINESTRING, o POLYGON, mp MULTIPOINT, ml MULTILINESTRING, mo MULTIPOLYGON, gc GEOMETRYCOLLECTION
);
INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1.5 -2.25)'), ST_GeomFromText('POINT(0.1 1e-300)'), ST_GeomFromText('LINESTRING(0 0,1 1,2 0)'),
  ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1))'), ST_GeomFromText('MULTIPOINT(0 0,1 1)'), ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'),
  ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)),((5 5,6 5,6 6,5 6,5 5)))'), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')),
(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- Nothing in it; another kind in a column for all; bytes of quote, backslash, line ends and NUL in coordinates.
INSERT INTO shapes (id, g) VALUES (3, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')), (4, ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)))')),
(5, ST_GeomFromWKB(x'0101000000275c0a0d001a2240275c0a0d001a2240'));
INSERT INTO shapes (id, gc) VALUES (6, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'));
-- Order of axes: MySQL reads latitude first for 4326, MariaDB as written. What is stored travels, not what is written.
INSERT INTO shapes (id, p, g) VALUES (7, ST_GeomFromText('POINT(48 11)', 4326), ST_GeomFromText('LINESTRING(48 11,49 12)', 4326)),
(8, ST_GeomFromText('POINT(1 2)', 3857), ST_GeomFromText('POINT(1 2)', 0));
-- A polygon that is none, by its area.
INSERT INTO shapes (id, o) VALUES (9, ST_GeomFromText('POLYGON((0 0,1 1,1 0,0 1,0 0))'));
CREATE TABLE indexed (id INT NOT NULL PRIMARY KEY, p POINT NOT NULL, g GEOMETRY NOT NULL, SPATIAL KEY by_place (p), SPATIAL KEY (g));
INSERT INTO indexed VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(3 4)')), (2, ST_GeomFromText('POINT(-1 -2)'), ST_GeomFromText('LINESTRING(0 0,1 1)'));
