use crate::harness::Add;
pub fn tests(_add: &mut Add<'_>) {}
