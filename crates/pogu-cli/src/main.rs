//! The command-line tool pogu.

fn main() {}
