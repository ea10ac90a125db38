//! Ed25519 by tables against dalek's `verify_strict`: the same answer to every signature, good, bent or hostile.
//!
//! `scripts/differential N` runs it over N signatures from a seed that nobody has chosen.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

#[path = "crash/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::thread;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use mintage::keyring::{Algorithm, Tables, VerifyingKey};
use random::Random;
use ring::digest::{Context, SHA512, digest};

/// Signatures in all; fewer where nothing is optimised. `DIFFERENTIAL` asks for another number, `DIFFERENTIAL_SEED` for another seed.
const SIGNATURES: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
const SEED: u64 = 2026;
/// Into how many parts the work is cut; another number gives other signatures.
const THREADS: u64 = 4;
/// The order of the base point, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// What signatures are made of.
struct Dice(Random);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0.below(end as u64) as usize
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.0.next() as u8)
    }

    fn scalar(&mut self) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.bytes())
    }

    fn message(&mut self) -> Vec<u8> {
        let length = self.below(300);
        (0..length).map(|_| self.0.next() as u8).collect()
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// A key, checked in both ways; and its scalar, where there is one.
struct Key {
    secret: Scalar,
    torsion: EdwardsPoint,
    bytes: [u8; 32],
    ours: VerifyingKey,
    theirs: ed25519_dalek::VerifyingKey,
}

impl Key {
    /// `None` where we refuse the key.
    fn new(bytes: [u8; 32], secret: Scalar, torsion: EdwardsPoint) -> Option<Self> {
        let mut ours = VerifyingKey::from_ed25519(Algorithm::EdDsa, &bytes).ok()?;
        let mut tables = Tables::default();
        tables.equip([&mut ours]);
        let theirs = ed25519_dalek::VerifyingKey::from_bytes(&bytes).unwrap();
        assert_eq!(tables.len() == 1, theirs.to_edwards().is_torsion_free(), "every key of prime order has a table, and no other");
        Some(Self { secret, torsion, bytes, ours, theirs })
    }

    fn of(secret: Scalar, torsion: EdwardsPoint) -> Self {
        Self::new((EdwardsPoint::mul_base(&secret) + torsion).compress().to_bytes(), secret, torsion).unwrap()
    }

    fn challenge(&self, r: &[u8; 32], message: &[u8]) -> Scalar {
        let mut hash = Context::new(&SHA512);
        for part in [r, &self.bytes, message] {
            hash.update(part);
        }
        Scalar::from_bytes_mod_order_wide(&hash.finish().as_ref().try_into().unwrap())
    }

    /// The signature that fits this R, whose discrete logarithm is `nonce`, torsion aside.
    fn finish(&self, r: [u8; 32], nonce: Scalar, message: &[u8]) -> [u8; 64] {
        let s = nonce + self.challenge(&r, message) * self.secret;
        [r, s.to_bytes()].concat().try_into().unwrap()
    }

    fn sign(&self, random: &mut Dice, message: &[u8]) -> [u8; 64] {
        let nonce = random.scalar();
        self.finish(EdwardsPoint::mul_base(&nonce).compress().to_bytes(), nonce, message)
    }
}

/// What is tried, and the keys for it.
struct Trial {
    pure: Vec<Key>,
    mixed: Vec<Key>,
    /// Keys of which one bit was bent, and that are still keys.
    bent: Vec<(usize, Key)>,
    /// The 14 encodings of points of small order.
    small: Vec<[u8; 32]>,
    /// Other encodings with y from the prime on.
    not_canonical: Vec<[u8; 32]>,
}

impl Trial {
    fn new(random: &mut Dice) -> Self {
        let pure: Vec<Key> = (0..8).map(|_| Key::of(random.scalar(), EIGHT_TORSION[0])).collect();
        let mixed = EIGHT_TORSION[1..].iter().map(|torsion| Key::of(random.scalar(), *torsion)).collect();
        let mut bent = Vec::new();
        for bit in 0..256 {
            let mut bytes = pure[0].bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            bent.extend(Key::new(bytes, pure[0].secret, EIGHT_TORSION[0]).map(|key| (bit, key)));
        }
        let spelled = |(low, sign): (u8, u8)| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + low, 0x7f | sign);
            bytes
        };
        let not_canonical = (0..19).flat_map(|low| [(low, 0), (low, 0x80)]).map(spelled).collect();
        Self { pure, mixed, bent, small: small_points(), not_canonical }
    }

    /// One signature of the class: the key, the message, the signature.
    fn draw(&self, class: usize, random: &mut Dice) -> (&Key, Vec<u8>, [u8; 64]) {
        let mut message = random.message();
        let key = random.one_of(&self.pure);
        let mut signature = key.sign(random, &message);
        let nonce = random.scalar();
        let point = EdwardsPoint::mul_base(&nonce);
        let torsion = random.one_of(&EIGHT_TORSION[1..]);
        match class {
            0 => {}
            1 => bend(&mut signature[..32], random),
            2 => bend(&mut signature[32..], random),
            3 if message.is_empty() => message.push(0),
            3 => bend(&mut message, random),
            4 => {
                let (_, key) = random.one_of(&self.bent);
                return (key, message.clone(), self.pure[0].sign(random, &message));
            }
            5 => {
                let times = 1 + random.below(15);
                let s = (0..times).fold(<[u8; 32]>::try_from(&signature[32..]).unwrap(), |s, _| plus(s, ORDER));
                signature[32..].copy_from_slice(&s);
            }
            // R of small order, with the S that the equation wants of it.
            6 => signature = key.finish(*random.one_of(&self.small), Scalar::ZERO, &message),
            7 => signature = key.finish((point + torsion).compress().to_bytes(), nonce, &message),
            8 => signature = key.finish(*random.one_of(&self.not_canonical), nonce, &message),
            9 => return self.mixed_key(random, message, true),
            10 => return self.mixed_key(random, message, false),
            11 => signature[..32].copy_from_slice(EdwardsPoint::mul_base(&random.scalar()).compress().as_bytes()),
            12 => signature = random.bytes(),
            13 => signature = edge(key, random, &message),
            _ => signature[32..].copy_from_slice(random.scalar().as_bytes()),
        }
        (key, message, signature)
    }

    /// A key with a part of small order: the equation holds with that part, or only without it.
    fn mixed_key(&self, random: &mut Dice, message: Vec<u8>, with: bool) -> (&Key, Vec<u8>, [u8; 64]) {
        let key = random.one_of(&self.mixed);
        loop {
            let nonce = random.scalar();
            let guess = random.one_of(&EIGHT_TORSION);
            let r = (EdwardsPoint::mul_base(&nonce) - guess).compress().to_bytes();
            if (key.challenge(&r, &message) * key.torsion == *guess) == with {
                return (key, message.clone(), key.finish(r, nonce, &message));
            }
        }
    }
}

fn small_points() -> Vec<[u8; 32]> {
    let listed: serde_json::Value = serde_json::from_str(include_str!("vectors/ed25519-edge/low_order_points.json")).unwrap();
    let hex = |text: &str| std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap());
    let points: Vec<_> = listed["order_and_encoding"].as_array().unwrap().iter().map(|pair| hex(pair[1].as_str().unwrap())).collect();
    assert_eq!(points.len(), 14);
    points
}

/// S of 0, or of the order less one; R the neutral element, the base point or the key.
fn edge(key: &Key, random: &mut Dice, message: &[u8]) -> [u8; 64] {
    let rs = [Scalar::ZERO, Scalar::ONE, key.secret, -key.secret, -Scalar::ONE];
    let nonce = *random.one_of(&rs);
    let mut signature = key.finish(EdwardsPoint::mul_base(&nonce).compress().to_bytes(), nonce, message);
    match random.below(5) {
        0 => signature[32..].fill(0),
        1 => signature[32..].copy_from_slice((-Scalar::ONE).as_bytes()),
        2 => signature[32..].copy_from_slice(&ORDER),
        3 => signature[32..].fill(0xff),
        _ => {}
    }
    signature
}

fn bend(bytes: &mut [u8], random: &mut Dice) {
    let bit = random.below(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// The sum of two numbers, little-endian, modulo 2^256.
fn plus(mut a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    for (a, b) in a.iter_mut().zip(b) {
        carry += u16::from(*a) + u16::from(b);
        *a = carry as u8;
        carry >>= 8;
    }
    a
}

const CLASSES: [&str; 15] = [
    "good",
    "one bit of R bent",
    "one bit of S bent",
    "one bit of the message bent",
    "one bit of the key bent",
    "S plus multiples of the order",
    "R of small order, S to it",
    "R with a part of small order",
    "R in a second spelling",
    "key with a part of small order, the equation holds",
    "key with a part of small order, the equation holds without it",
    "R of another signature",
    "random bytes",
    "edges: S of 0, of the order and beside it, R neutral",
    "random S",
];

type Counts = BTreeMap<(usize, bool), u64>;

fn drive(trial: &Trial, seed: u64, signatures: u64) -> Counts {
    let mut random = Dice(Random(seed));
    let mut counts = Counts::new();
    for number in 0..signatures {
        // One in four is good.
        let class = if number % 4 == 0 { 0 } else { 1 + random.below(CLASSES.len() - 1) };
        let (key, message, signature) = trial.draw(class, &mut random);
        let theirs = key.theirs.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&signature)).is_ok();
        let ours = key.ours.verify(&message, &signature);
        assert_eq!(ours, theirs, "{}, key {:02x?}, message {message:02x?}, signature {signature:02x?}", CLASSES[class], key.bytes);
        *counts.entry((class, theirs)).or_default() += 1;
    }
    counts
}

#[test]
fn tables_answer_what_verify_strict_answers() {
    let (signatures, seed) = (setting("DIFFERENTIAL", SIGNATURES), setting("DIFFERENTIAL_SEED", SEED));
    println!("seed {seed}, {signatures} signatures");
    let mut counts = Counts::new();
    let trial = Trial::new(&mut Dice(Random(seed)));
    thread::scope(|scope| {
        let share = |thread: u64| signatures / THREADS + u64::from(thread < signatures % THREADS);
        let seed_of = |thread: u64| {
            u64::from_le_bytes(digest(&SHA512, &[seed, thread].map(u64::to_le_bytes).concat()).as_ref()[..8].try_into().unwrap())
        };
        let running: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let (trial, seed, share) = (&trial, seed_of(thread), share(thread));
                    move || drive(trial, seed, share)
                })
            })
            .collect();
        for thread in running {
            for (what, count) in thread.join().unwrap() {
                *counts.entry(what).or_default() += count;
            }
        }
    });
    for ((class, accepted), count) in &counts {
        println!("{count:>9} {} {}", if *accepted { "accepted" } else { "refused " }, CLASSES[*class]);
    }
    let accepted = |class| counts.get(&(class, true)).copied().unwrap_or_default();
    assert!(accepted(0) >= signatures / 4 && !counts.contains_key(&(0, false)), "all good ones are accepted");
    assert!(accepted(9) > 0 && accepted(13) > 0, "dalek accepts these, and so do we");
    assert_eq!((1..9).map(accepted).sum::<u64>(), 0);
    assert_eq!((0..CLASSES.len()).filter(|class| !counts.keys().any(|(tried, _)| tried == class)).count(), 0, "every class was tried");
}

#[test]
fn the_fourteen_points_of_small_order_are_no_keys() {
    for bytes in small_points() {
        assert!(Key::new(bytes, Scalar::ZERO, EIGHT_TORSION[0]).is_none());
        assert!(CompressedEdwardsY(bytes).decompress().is_some_and(|point| point.is_small_order()));
    }
}
