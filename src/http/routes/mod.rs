//! One file for each part of the address; the tree of files is the tree of URLs.

pub(super) mod oauth;
pub(super) mod ops;
pub(super) mod v1;
pub(super) mod well_known;
