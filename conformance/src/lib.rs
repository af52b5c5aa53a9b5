//! Servers under test for outside suites, built on the public API of pogu: one binary each in `src/bin`.

#![forbid(unsafe_code)]
