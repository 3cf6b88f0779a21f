//! Throwaway MariaDB and MySQL servers for the demo, tests and benches.
