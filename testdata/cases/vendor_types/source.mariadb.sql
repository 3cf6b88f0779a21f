CREATE TABLE addresses (u UUID NOT NULL PRIMARY KEY, v4 INET4 NULL, v6 INET6 NOT NULL DEFAULT '::1', UNIQUE KEY (v6, v4), KEY (v4));
INSERT INTO addresses VALUES ('123e4567-e89b-12d3-a456-426655440000', '127.0.0.1', '::'), ('00000000-0000-0000-0000-000000000000', '0.0.0.0', '::ffff:192.0.2.128'),
('ffffffff-ffff-ffff-ffff-ffffffffffff', '255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), ('123e4567-e89b-42d3-a456-426655440001', NULL, '2001:db8::1');
CREATE TABLE of_addresses (id INT NOT NULL PRIMARY KEY, u UUID NULL, CONSTRAINT of_address FOREIGN KEY (u) REFERENCES addresses (u) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO of_addresses VALUES (1, '123E4567E89B12D3A456426655440000'), (2, NULL), (3, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
-- Its default is made by the server.
CREATE TABLE made_here (u UUID NOT NULL DEFAULT UUID() PRIMARY KEY, n INT);
INSERT INTO made_here VALUES ('123e4567-e89b-12d3-a456-426655440000', 1);
CREATE TABLE by_network (net INET6 NOT NULL, n INT NOT NULL, PRIMARY KEY (net, n));
INSERT INTO by_network VALUES ('::', 1), ('::', 2), ('::1.2.3.4', 1), ('fe80::1', 1), ('1::', 1);
