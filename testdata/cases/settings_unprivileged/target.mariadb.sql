SET GLOBAL alter_algorithm = 'INSTANT';
