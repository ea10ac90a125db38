//! Tokens on standard input, one a line.

use std::io::{self, BufRead, Read};

use crate::token::MAX_TOKEN_BYTES;

/// Gives every line to `each`, without its end, however long it is: past what a token may have, only that it is too long is kept.
/// A line that is not UTF-8 is given with replacement characters, which no token has.
///
/// # Errors
/// Whatever reading or `each` gives.
pub(super) fn each_line(mut input: impl BufRead, mut each: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than a token may have, and the two of a line's end.
        let limit = MAX_TOKEN_BYTES as u64 + 3;
        if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if line.len() as u64 == limit {
            skip_line(&mut input)?;
        }
        each(&String::from_utf8_lossy(&line))?;
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(chunk.len(), |at| at + 1);
        let done = end.is_some() || used == 0;
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_comes_once_whatever_its_length() {
        let long = "x".repeat(100_000);
        let exact = "y".repeat(MAX_TOKEN_BYTES + 3);
        let text = format!("a\n\r\nb\r\n{long}\n{exact}\nc");
        let mut input = text.into_bytes();
        input.push(0xff);
        let mut seen = Vec::new();
        each_line(&input[..], |line| {
            seen.push(line.to_owned());
            Ok(())
        })
        .unwrap();
        let lengths: Vec<_> = seen.iter().map(String::len).collect();
        assert_eq!(&seen[..3], ["a", "", "b"]);
        assert!(lengths[3] > MAX_TOKEN_BYTES && lengths[3] < 2 * MAX_TOKEN_BYTES, "cut, and still too long");
        assert_eq!((lengths[4], seen.len()), (exact.len(), 6));
    }
}
