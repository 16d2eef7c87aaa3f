//! lectern-transcoder.
fn main() {}
