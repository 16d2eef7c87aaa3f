//! lectern.
fn main() {}
