SET GLOBAL sql_generate_invisible_primary_key = 1;
SET GLOBAL show_create_table_verbosity = 1;
