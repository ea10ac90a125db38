//! Multiples of a fixed point of edwards25519 (RFC 8032 §5.1), computed once: multiplying the point is then a few dozen additions and no doubling.
//!
//! All of it takes a time that depends on its inputs. That is for verifying, where nothing is secret. Field arithmetic is crrl's.

use std::borrow::Cow;
use std::hint::black_box;
use std::iter::successors;

use crrl::field::GF25519 as Field;

/// The curve's d: −x² + y² = 1 + dx²y².
const D: Field = Field::w64be(0x5203_6cee_2b6f_fe73, 0x8cc7_4079_7779_e898, 0x0070_0a4d_4141_d8ab, 0x75eb_4dca_1359_78a3);
/// Bits of a scalar below the order of the base point.
const SCALAR_BITS: usize = 253;
/// Bits of a digit in the table of the base point, and in that of a key.
const BASE_WINDOW: usize = 8;
const KEY_WINDOW: usize = 6;

pub(super) type BaseMultiples = Multiples<BASE_WINDOW>;
pub(super) type KeyMultiples = Multiples<KEY_WINDOW>;

/// The table of the base point (RFC 8032 §5.1).
pub(super) static BASE: BaseMultiples = Multiples { entries: Cow::Borrowed(&BASE_ENTRIES) };

/// Entries that are added or taken away in one sum: one a row.
const MOST_TERMS: usize = BaseMultiples::ROWS + KeyMultiples::ROWS;

/// What `Multiples::new` makes of the base point, little-endian; the tests make it anew and compare.
const STORED: &[[u8; 8]] = include_bytes!("base_point.table").as_chunks().0;

static BASE_ENTRIES: [Entry; STORED.len() / 12] = {
    let mut entries = [Entry { sum: [0; 4], difference: [0; 4], product: [0; 4] }; STORED.len() / 12];
    let mut at = 0;
    while at < entries.len() {
        entries[at] = Entry { sum: stored(12 * at), difference: stored(12 * at + 4), product: stored(12 * at + 8) };
        at += 1;
    }
    entries
};

const fn stored(at: usize) -> [u64; 4] {
    [
        u64::from_le_bytes(STORED[at]),
        u64::from_le_bytes(STORED[at + 1]),
        u64::from_le_bytes(STORED[at + 2]),
        u64::from_le_bytes(STORED[at + 3]),
    ]
}

/// A point in extended coordinates (RFC 8032 §5.1.4): x = X/Z, y = Y/Z, xy = T/Z.
#[derive(Clone, Copy)]
pub(super) struct Point {
    x: Field,
    y: Field,
    z: Field,
    t: Field,
}

impl Point {
    const NEUTRAL: Self = Self { x: Field::ZERO, y: Field::ONE, z: Field::ONE, t: Field::ZERO };

    /// Reads an encoding (RFC 8032 §5.1.3) that is canonical.
    pub(super) fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let mut low = *bytes;
        low[31] &= 0x7f;
        let y = Field::decode(&low)?;
        let (root, _) = ((y.square() - Field::ONE) / (D * y.square() + Field::ONE)).sqrt();
        let x = if root.encode()[0] & 1 == bytes[31] >> 7 { root } else { -root };
        let point = Self { x, y, z: Field::ONE, t: x * y };
        (point.is_on_curve() && point.encode() == *bytes).then_some(point)
    }

    /// The one canonical encoding of the point (RFC 8032 §5.1.2).
    pub(super) fn encode(&self) -> [u8; 32] {
        let scale = Field::ONE / self.z;
        let mut bytes = (self.y * scale).encode();
        bytes[31] |= (self.x * scale).encode()[0] << 7;
        bytes
    }

    pub(super) fn negated(&self) -> Self {
        Self { x: -self.x, t: -self.t, ..*self }
    }

    /// Asked of points with Z = 1.
    fn is_on_curve(&self) -> bool {
        let (xx, yy) = (self.x.square(), self.y.square());
        (yy - xx).equals(Field::ONE + D * xx * yy) != 0
    }

    /// Adds a point, or takes it away. Complete: right for every pair of points of the curve.
    #[inline(always)]
    fn joined(&self, entry: &Entry, is_taken_away: bool) -> Self {
        let (sum, difference) = if is_taken_away { (&entry.difference, &entry.sum) } else { (&entry.sum, &entry.difference) };
        let a = (self.y - self.x) * field(difference);
        let b = (self.y + self.x) * field(sum);
        let c = self.t * field(&entry.product);
        let (f, g) = if is_taken_away { (self.z + c, self.z - c) } else { (self.z - c, self.z + c) };
        let (e, h) = (b - a, b + a);
        Self { x: e * f, y: g * h, z: f * g, t: e * h }
    }
}

/// An affine point as an addition wants it: (y+x)/2, (y−x)/2 and dxy, each below the prime. It lies in two cache lines.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Entry {
    sum: [u64; 4],
    difference: [u64; 4],
    product: [u64; 4],
}

impl Entry {
    fn of(points: &[Point]) -> impl Iterator<Item = Self> {
        let mut scales: Vec<Field> = points.iter().map(|point| point.z).collect();
        Field::batch_invert(&mut scales);
        points.iter().zip(scales).map(|(point, scale)| {
            let (x, y) = (point.x * scale, point.y * scale);
            Self { sum: words((y + x).half()), difference: words((y - x).half()), product: words(D * x * y) }
        })
    }
}

fn words(value: Field) -> [u64; 4] {
    let bytes = value.encode();
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|at| u64::from_le_bytes(words[at]))
}

#[inline(always)]
fn field(words: &[u64; 4]) -> Field {
    Field::w64le(words[0], words[1], words[2], words[3])
}

/// A point P times 2^(WINDOW·row) times 1 to 2^(WINDOW−1), for each row: every multiple by a scalar is a sum or difference of one entry a row.
pub(super) struct Multiples<const WINDOW: usize> {
    entries: Cow<'static, [Entry]>,
}

impl<const WINDOW: usize> Multiples<WINDOW> {
    /// Entries in a row.
    const ROW: usize = 1 << (WINDOW - 1);
    const ROWS: usize = SCALAR_BITS.div_ceil(WINDOW);
    /// What its entries take.
    pub(super) const BYTES: usize = Self::ROWS * Self::ROW * size_of::<Entry>();

    pub(super) fn new(point: &Point) -> Self {
        let mut entries = Vec::with_capacity(Self::ROWS * Self::ROW);
        let mut first = *point;
        for _ in 0..Self::ROWS {
            let Some(unit) = Entry::of(&[first]).next() else { break };
            let multiples: Vec<Point> = successors(Some(first), |last| Some(last.joined(&unit, false))).take(Self::ROW).collect();
            entries.extend(Entry::of(&multiples));
            // Twice the last one begins the next row.
            if let (Some(point), Some(entry)) = (multiples.last(), entries.last()) {
                first = point.joined(entry, false);
            }
        }
        Self { entries: Cow::Owned(entries) }
    }

    /// Notes the entries that make the multiple by this scalar, which is below 2^253.
    fn note<'a>(&'a self, scalar: &[u8; 32], terms: &mut Terms<'a>) {
        const { assert!(Self::ROWS * WINDOW > SCALAR_BITS, "the last row takes a carry") };
        let mut limbs = [0_u64; 5];
        for (limb, bytes) in limbs.iter_mut().zip(scalar.as_chunks().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        let mut carry = 0;
        for (at, row) in self.entries.chunks_exact(Self::ROW).enumerate() {
            let (limb, bit) = (at * WINDOW / 64, at * WINDOW % 64);
            let bits = (u128::from(limbs[limb]) | u128::from(limbs[limb + 1]) << 64) >> bit;
            let digit = (bits as usize & ((1 << WINDOW) - 1)) + carry;
            // A digit above half of the window is that much less than one in the next row.
            carry = usize::from(digit > Self::ROW);
            let multiple = if carry == 1 { (1 << WINDOW) - digit } else { digit };
            if multiple > 0 {
                terms.push(&row[multiple - 1], carry == 1);
            }
        }
    }
}

/// Entries to be added and to be taken away. They are gathered before the first addition, one word of each cache line being read on the way,
/// so that the processor waits for all that are not in its cache at once, and not for one after the other.
struct Terms<'a> {
    added: [&'a Entry; MOST_TERMS],
    taken: [&'a Entry; MOST_TERMS],
    added_count: usize,
    taken_count: usize,
    touched: u64,
}

impl<'a> Terms<'a> {
    fn new(any: &'a Entry) -> Self {
        Self { added: [any; MOST_TERMS], taken: [any; MOST_TERMS], added_count: 0, taken_count: 0, touched: 0 }
    }

    /// Writes to both lists and lengthens one: a branch on the sign would be guessed wrong half of the time.
    #[inline(always)]
    fn push(&mut self, entry: &'a Entry, is_taken_away: bool) {
        self.touched ^= entry.sum[0] ^ entry.product[3];
        self.added[self.added_count] = entry;
        self.taken[self.taken_count] = entry;
        self.added_count += usize::from(!is_taken_away);
        self.taken_count += usize::from(is_taken_away);
    }

    fn sum(&self) -> Point {
        black_box(self.touched);
        let sum = self.added[..self.added_count].iter().fold(Point::NEUTRAL, |sum, entry| sum.joined(entry, false));
        self.taken[..self.taken_count].iter().fold(sum, |sum, entry| sum.joined(entry, true))
    }
}

/// `a` times the base point plus `b` times the point of a table. Scalars are little-endian and below 2^253.
pub(super) fn sum(a: &[u8; 32], table: &KeyMultiples, b: &[u8; 32]) -> Point {
    let mut terms = Terms::new(&BASE_ENTRIES[0]);
    BASE.note(a, &mut terms);
    table.note(b, &mut terms);
    terms.sum()
}

#[cfg(test)]
#[path = "fixed_base_tests.rs"]
mod tests;
