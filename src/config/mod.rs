//! What is true: command line, environment, `.env`, file and defaults, merged and checked.
