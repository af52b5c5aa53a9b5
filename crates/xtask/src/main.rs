//! Tasks of the pogu workspace: test, conformance, tidy.

fn main() {}
