//! The developer side: the only writer of the target database.
