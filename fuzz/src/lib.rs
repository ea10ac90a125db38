//! Every parser of foreign bytes under fuzzing: what is held, and where it begins. `fuzz_targets/` runs it under a coverage-guided fuzzer
//! (`scripts/fuzz`), `tests/fuzzing.rs` with bent seeds on every run of the tests.

pub mod seeds;
pub mod targets;
