SET GLOBAL alter_algorithm = 'INSTANT';
SET GLOBAL innodb_force_primary_key = 1;
