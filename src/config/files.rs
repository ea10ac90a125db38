//! Reading the files that a configuration names.

use std::fs::{File, metadata};
use std::io::{self, Read as _};

/// More than any of them needs, in bytes.
const MOST: u64 = 1 << 20;

/// The text of a file. A pipe, which would be waited for, or a device, which might never end, is refused unopened.
pub(super) fn read_text(path: impl AsRef<std::path::Path>) -> io::Result<String> {
    if !metadata(&path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST { Err(io::Error::other("it is longer than 1 MiB")) } else { Ok(text) }
}
