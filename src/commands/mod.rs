//! One verb each: configuration in, result out.
