//! The only writers to the terminal: progress, tables, prompts, logs.
