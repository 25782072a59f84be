//! TLS report pipeline.
fn main() {}
