use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ring::digest::{SHA512, digest};

use super::*;

fn point(of: &EdwardsPoint) -> Point {
    Point::decode(of.compress().as_bytes()).unwrap()
}

/// Any scalar, the same every time.
fn scalar(number: u32) -> Scalar {
    let mut wide = [0; 64];
    wide.copy_from_slice(digest(&SHA512, &number.to_le_bytes()).as_ref());
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// Scalars at the edges of digits, of rows and of the order.
fn edges() -> Vec<Scalar> {
    let mut edges: Vec<Scalar> = (0..=300_u32).map(Scalar::from).collect();
    let power = |bit: usize| (0..bit).fold(Scalar::ONE, |power, _| power + power);
    for bit in 0..253 {
        edges.extend([power(bit), power(bit) - Scalar::ONE, power(bit) + Scalar::ONE]);
    }
    // The same digit in every row: each value that a digit can have.
    for window in [KEY_WINDOW, BASE_WINDOW] {
        let ones = (0..252 / window).fold(Scalar::ZERO, |sum, row| sum + power(row * window));
        edges.extend((1..1_u32 << window).map(|digit| ones * Scalar::from(digit)));
    }
    let negated: Vec<Scalar> = edges.iter().map(|edge| -edge).collect();
    edges.extend(negated);
    edges
}

#[test]
fn every_multiple_is_what_dalek_makes_of_it() {
    let (base, other) = (ED25519_BASEPOINT_POINT, EdwardsPoint::mul_base(&scalar(0)));
    let table = KeyMultiples::new(&point(&other));
    let edges = edges();
    println!("{} edge scalars", edges.len());
    for (at, edge) in edges.iter().enumerate() {
        let free = scalar(u32::try_from(at).unwrap());
        for (a, b) in [(*edge, free), (free, *edge), (*edge, Scalar::ZERO), (Scalar::ZERO, *edge)] {
            let expected = (a * base + b * other).compress();
            assert_eq!(sum(a.as_bytes(), &table, b.as_bytes()).encode(), expected.to_bytes(), "{a:?} {b:?}");
        }
    }
}

/// Holds every entry of a table against multiples that dalek makes.
fn check<const WINDOW: usize>(table: &Multiples<WINDOW>, of: EdwardsPoint) {
    let mut first = of;
    for row in table.entries.chunks_exact(Multiples::<WINDOW>::ROW) {
        let mut multiple = first;
        for entry in row {
            assert_eq!(Point::NEUTRAL.joined(entry, false).encode(), multiple.compress().to_bytes());
            assert_eq!(Point::NEUTRAL.joined(entry, true).encode(), (-multiple).compress().to_bytes());
            multiple += first;
        }
        first = (0..WINDOW).fold(first, |point, _| point + point);
    }
    assert_eq!(size_of_val(&*table.entries), Multiples::<WINDOW>::BYTES);
}

#[test]
fn every_entry_of_a_table_is_the_multiple_that_it_stands_for() {
    check(&BASE, ED25519_BASEPOINT_POINT);
    let other = EdwardsPoint::mul_base(&scalar(1));
    check(&KeyMultiples::new(&point(&other)), other);
}

#[test]
fn the_table_in_the_source_is_what_is_made_of_the_base_point() {
    let made = BaseMultiples::new(&point(&ED25519_BASEPOINT_POINT));
    let words = made.entries.iter().flat_map(|entry| [entry.sum, entry.difference, entry.product]).flatten();
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/keyring/base_point.table"), &bytes).unwrap();
    }
    assert!(bytes == STORED.as_flattened(), "run it with UPDATE_TABLES=1, and compile again");
}

#[test]
fn a_point_is_read_in_its_one_spelling_only() {
    let (mut read, mut refused) = (0, 0);
    for number in 0..2_000 {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&digest(&SHA512, &[7, number as u8, (number >> 8) as u8]).as_ref()[..32]);
        // Small and large ones too: y below 19, and from the prime on.
        match number % 4 {
            1 => bytes[1..].fill(0),
            2 => {
                bytes[1..].fill(0xff);
                bytes[31] ^= (number as u8 & 4) << 5;
            }
            _ => {}
        }
        let theirs = curve25519_dalek::edwards::CompressedEdwardsY(bytes);
        let theirs = theirs.decompress().filter(|point| point.compress() == theirs);
        let ours = Point::decode(&bytes);
        assert_eq!(ours.map(|point| point.encode()), theirs.map(|point| point.compress().to_bytes()), "{bytes:?}");
        if theirs.is_some() { read += 1 } else { refused += 1 }
    }
    println!("{read} points, {refused} others");
    assert!(read > 500 && refused > 500);
}
