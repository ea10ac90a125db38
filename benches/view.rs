//! The view of revocations with up to ten million entries: what an entry takes in memory, what a judgement costs beside one random read in
//! an array of the same size, and the longest that a reader was held up while others wrote, beside a view that nobody wrote.
//!
//! `cargo bench --bench view`, or with at most so many entries `cargo bench --bench view -- 1000000`. Linux only.

use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mintage::id::{Jti, Origin, Sid, Stamp};
use mintage::revocation::{Cause, Extent, Judge, Retention, Revocation, Target};
use mintage::time::Moment;
use mintage::verify::LiveView;

const SIZES: [u64; 6] = [100_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000];
/// What an entry may take, and an entry of the array takes.
const ENTRY_BYTES: u64 = 40;
const BEAT: Duration = Duration::from_secs(1);
const FOR_EVER: Retention = Retention { keep: Duration::from_secs(3_600) };
const NOW: Moment = Moment::from_seconds(1_800_000_000);
/// How many different tokens are judged: what they touch is far more than a cache holds.
const TOKENS: u64 = 1 << 18;
/// How many of them in one turn.
const TURN: u64 = 1 << 10;

/// A well-mixed word for each number (splitmix64).
fn mixed(at: u64) -> u64 {
    let mut word = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn random(at: u64) -> [u8; 10] {
    let word = mixed(at).to_le_bytes();
    std::array::from_fn(|byte| word[byte % 8] ^ (byte as u8 / 8 * 0x5a))
}

/// Ten thousand ids in a second.
fn stamp(at: u64) -> Stamp {
    Stamp::from_millis(1_700_000_000_000 + at / 10)
}

/// A name as a login service gives it: 30 bytes.
fn subject(at: u64) -> String {
    format!("auth0|{:016x}{:08x}", mixed(at), at as u32)
}

/// The usual mix: six tokens, three sessions and the epoch of one subject in ten.
fn nth(at: u64) -> Revocation {
    match at % 10 {
        0..6 => Revocation::Token(Jti::new(stamp(at), &random(at))),
        6..9 => Revocation::Session(Sid::new(stamp(at), &random(at))),
        _ => Revocation::Epoch { target: Target::Subject(subject(at)), extent: Extent::Sessions, stamp: stamp(at) },
    }
}

struct Token {
    jti: Jti,
    sid: Sid,
    subject: String,
}

impl Token {
    /// Of a session that began after everything was revoked.
    fn good(at: u64) -> Self {
        let at = at + (1 << 40);
        Self { jti: Jti::new(stamp(at), &random(at)), sid: Sid::new(stamp(at), &random(at + 1)), subject: subject(at) }
    }

    fn voided_by(at: u64, entry: Revocation) -> Self {
        let good = Self::good(at);
        match entry {
            Revocation::Token(jti) => Self { jti, ..good },
            Revocation::Session(sid) => Self { sid, ..good },
            Revocation::Epoch { target: Target::Subject(subject), stamp, .. } => {
                Self { sid: Sid::new(stamp, &random(at)), subject, ..good }
            }
            _ => good,
        }
    }

    fn judge(&self, view: &LiveView) -> Option<Cause> {
        view.judge(&Origin { jti: self.jti, sid: Some(self.sid), subject: &self.subject, client: "app", kid: "k" })
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn clock() -> Instant {
    Instant::now()
}

/// A figure of what the kernel says of this process, or of this thread.
fn figure(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).expect("Linux");
    let rest = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    rest.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number")
}

fn resident() -> u64 {
    figure("/proc/self/status", "VmRSS") * 1_024
}

/// Merges entries up to a size: those of each [`BEAT`] are a tenth of the first size.
fn grow(view: &LiveView, to: u64, mut each: impl FnMut(u64)) {
    for at in view.len() as u64..to {
        if at % (SIZES[0] / 10) == 0 {
            view.confirm(NOW, BEAT * (at / (SIZES[0] / 10)) as u32, FOR_EVER);
        }
        view.merge(&nth(at));
        each(at + 1);
    }
}

/// A view of all sizes, one after the other; for each, the bytes that an entry takes then, and the most since the size before.
fn weighed(sizes: &[u64]) -> (LiveView, Vec<[f64; 2]>) {
    let (before, view) = (resident(), LiveView::new(&[7; 32]));
    let bytes_each = |len| (resident() - before) as f64 / len as f64;
    let rows = sizes.iter().map(|size| {
        let mut most = 0.0_f64;
        grow(&view, *size, |len| {
            if len >= SIZES[0] && len % (SIZES[0] / 10) == 0 {
                most = most.max(bytes_each(len));
            }
        });
        [bytes_each(*size), most]
    });
    let rows = rows.collect();
    (view, rows)
}

/// Nanoseconds of each for one token, or one read: medians of turns that all take one after the other.
fn in_turns<const N: usize>(cases: [&dyn Fn(std::ops::Range<u64>); N]) -> [f64; N] {
    let mut taken: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for turn in 0..TOKENS / TURN {
        for (taken, case) in taken.iter_mut().zip(&cases) {
            let began = clock();
            case(turn * TURN..(turn + 1) * TURN);
            taken.push(began.elapsed().as_nanos() as f64 / TURN as f64);
        }
    }
    taken.map(|mut turns| {
        turns.sort_by(f64::total_cmp);
        turns[turns.len() / 2]
    })
}

/// What a read in the array takes, and a judgement of a good and of a void token.
fn lookups(view: &LiveView, good: &[Token], array: &[u64]) -> [f64; 3] {
    let size = view.len() as u64;
    let void: Vec<_> = (0..TOKENS).map(|at| Token::voided_by(at, nth(mixed(at) % size))).collect();
    let array = &array[..(size * ENTRY_BYTES / 8) as usize];
    // Each read says where the next one is: nothing can be fetched ahead. What finding the place takes is measured alone, and taken off.
    let chain = |reads: std::ops::Range<u64>, read: &dyn Fn(usize) -> u64| {
        black_box(reads.fold(1, |at: u64, turn| mixed(at ^ turn ^ read((at % array.len() as u64) as usize))));
    };
    let judged = |tokens: &[Token], is_void| assert!(tokens.iter().all(|token| token.judge(view).is_some() == is_void));
    let part = |turn: std::ops::Range<u64>| turn.start as usize..turn.end as usize;
    let [read, place, good, void] = in_turns([
        &|turn| chain(turn, &|at| array[at]),
        &|turn| chain(turn, &|at| at as u64),
        &|turn| judged(&good[part(turn)], false),
        &|turn| judged(&void[part(turn)], true),
    ]);
    [read - place, good, void]
}

/// What a reader met in each of two views that it asked in turn.
#[derive(Default)]
struct Met {
    lookups: u64,
    longest: [Duration; 2],
    over_a_millisecond: [u64; 2],
    /// How often it gave up its processor of itself: whoever waits for a lock does.
    waits: u64,
}

fn read(views: [&LiveView; 2], good: &[Token], done: &AtomicBool) -> Met {
    let waits = || figure("/proc/thread-self/status", "voluntary_ctxt_switches");
    let mut met = Met { waits: waits(), ..Met::default() };
    for token in good.iter().cycle().take_while(|_| !done.load(Ordering::Acquire)) {
        for (at, view) in views.iter().enumerate() {
            let began = clock();
            black_box(token.judge(view));
            let taken = began.elapsed();
            met.longest[at] = met.longest[at].max(taken);
            met.over_a_millisecond[at] += u64::from(taken > Duration::from_millis(1));
        }
        met.lookups += 1;
    }
    Met { waits: waits() - met.waits, ..met }
}

/// Prints what a reader met while `work` was done on the first view.
fn pause(name: &str, views: [&LiveView; 2], good: &[Token], work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let (took, met) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(views, good, &done));
        let began = clock();
        work();
        let took = began.elapsed();
        done.store(true, Ordering::Release);
        (took, reader.join().expect("a reader"))
    });
    let [here, there] = met.longest.map(|longest| longest.as_secs_f64() * 1e6);
    let [over_here, over_there] = met.over_a_millisecond;
    println!("{name:28} {:7.2} {:10} {here:8.0} {there:8.0} {over_here:6} {over_there:6} {:6}", took.as_secs_f64(), met.lookups, met.waits);
}

fn pauses(views: [&LiveView; 2], good: &[Token]) {
    println!("\nThe longest lookup of a reader, in microseconds, and how many were over 1 ms: in the view that is worked on, and in");
    println!("one that nobody writes, in turn; and how often the reader waited.\n");
    println!("{:28} {:>7} {:>10} {:>8} {:>8} {:>6} {:>6} {:>6}", "while", "seconds", "lookups", "here", "there", "here", "there", "waits");
    let [view, _] = views;
    let size = view.len() as u64;
    pause("nothing is written", views, good, || std::thread::sleep(Duration::from_secs(3)));
    pause("a tenth more is merged", views, good, || grow(view, size + size / 10, |_| {}));
    let mut listed = 0;
    pause("a snapshot is taken", views, good, || listed = view.entries().map(black_box).count());
    assert_eq!(listed, view.len());
    // What came in the first half of all beats is now older than what is kept, and nothing else is.
    let beat = BEAT * (view.len() as u64 / (SIZES[0] / 10)) as u32;
    let before = view.len();
    pause("half of it is forgotten", views, good, || view.confirm(NOW, beat, Retention { keep: beat / 2 }));
    println!("\nThe snapshot had {listed} entries; {} were forgotten.", before - view.len());
}

fn main() {
    let most = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(u64::MAX);
    let sizes: Vec<u64> = SIZES.into_iter().filter(|size| *size <= most).collect();
    let (untouched, bytes) = weighed(&sizes);
    let good: Vec<_> = (0..TOKENS).map(Token::good).collect();
    let array: Vec<u64> = (0..untouched.len() as u64 * ENTRY_BYTES / 8).map(mixed).collect();
    let view = LiveView::new(&[8; 32]);
    println!("\nBytes that an entry takes, and the most since the line before; nanoseconds of one random read in an array of");
    println!("{ENTRY_BYTES} bytes an entry; a judgement (token, session and subject), in such reads.\n");
    println!("{:>10} {:>7} {:>7} {:>9} {:>11} {:>11}", "entries", "bytes", "most", "read, ns", "good token", "void token");
    for (size, [bytes, most]) in sizes.iter().zip(bytes) {
        grow(&view, *size, |_| {});
        let [read, good, void] = lookups(&view, &good, &array);
        println!("{size:10} {bytes:7.1} {most:7.1} {read:9.0} {:11.2} {:11.2}", good / read, void / read);
    }
    drop(array);
    pauses([&view, &untouched], &good);
}
