//! Rules: from configuration to SQL expressions.
