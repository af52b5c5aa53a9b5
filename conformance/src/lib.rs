//! Servers under test for outside suites, built on the public API of pogu.
