//! The writer under crashes and faults.
