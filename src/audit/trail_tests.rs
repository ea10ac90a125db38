//! The trail under edits, crashes, time and want of room.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tokio::task::JoinSet;

use super::super::event::{Action, By, Target};
use super::super::folder::names;
use super::super::text::Text;
use super::super::verify::{Verdict, verify};
use super::*;
use crate::id::Stamp;

const DAY: u64 = 86_400;
const SETTINGS: Settings = Settings { file_size: 1 << 20, keep: Duration::from_secs(30 * DAY), total_size: 1 << 30 };

fn at(seconds: u64) -> Moment {
    Moment::from_seconds(1_800_000_000 + seconds)
}

fn id(number: u8) -> EventId {
    EventId::new(Stamp::from_millis(1), &[number; 10])
}

fn deed(subject: &str) -> Deed {
    Deed::new(Action::Revoke, Target::Subject(Text::of(subject)), By { client_id: Text::of("admin"), jti: None })
}

fn open(folder: &Path, settings: Settings, now: Moment) -> (Trail, Opened) {
    Trail::open(folder, settings, now, [1, 2, 3, 4]).expect("the trail opens")
}

async fn effect(trail: &Trail, number: u8, now: Moment) {
    trail.intend(id(number), now, deed("alice")).await.expect("an intent is written");
    trail.conclude(id(number), now, deed("alice"), Ending::Done, Facts::default());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    names(folder).expect("names").iter().map(|name| folder.join(name.to_string())).collect()
}

fn verdict(folder: &Path) -> Verdict {
    verify(folder, None).expect("a verdict")
}

async fn three_effects(folder: &Path) -> String {
    let (trail, _) = open(folder, SETTINGS, at(0));
    for number in 1..=3 {
        effect(&trail, number, at(0)).await;
    }
    drop(trail);
    fs::read_to_string(&files(folder)[0]).expect("the file")
}

#[tokio::test]
async fn an_edit_a_line_left_out_and_one_put_in_are_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = three_effects(folder.path()).await;
    let good = verdict(folder.path());
    assert_eq!((good.lines, good.torn, good.from_the_beginning, good.broken), (6, 0, true, None));
    let lines: Vec<&str> = text.lines().collect();
    let without_third = [&lines[..2], &lines[3..]].concat().join("\n") + "\n";
    let twice = [&lines[..3], &lines[2..]].concat().join("\n") + "\n";
    for (bent, line) in [(text.replacen("alice", "bobby", 1), 2), (without_third, 3), (twice, 4)] {
        fs::write(&files(folder.path())[0], bent).expect("it is written");
        let verdict = verdict(folder.path());
        assert_eq!(verdict.broken.map(|broken| broken.line), Some(line));
    }
    let cut = lines[..4].join("\n") + "\n";
    fs::write(&files(folder.path())[0], cut).expect("it is written");
    let verdict = verdict(folder.path());
    assert!(verdict.broken.is_none() && verdict.head != good.head, "what is cut off at the end shows in the head alone");
}

#[tokio::test]
async fn a_crash_between_intent_and_outcome_is_named_at_the_next_start_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trail, _) = open(folder.path(), SETTINGS, at(0));
    effect(&trail, 1, at(0)).await;
    trail.intend(id(2), at(1), deed("bob")).await.expect("an intent is written");
    effect(&trail, 3, at(2)).await;
    drop(trail);
    // The crash also tore a line off in the middle.
    let path = files(folder.path())[0].clone();
    let text = fs::read_to_string(&path).expect("the file");
    fs::write(&path, format!("{text}{{\"v\":1,\"kind\":\"outc")).expect("it is written");
    let (trail, opened) = open(folder.path(), SETTINGS, at(3));
    let named: Vec<_> = opened.interrupted.iter().map(|event| (event.id, event.ending, event.deed.target.clone())).collect();
    assert_eq!(named, [(id(2), Ending::Interrupted, Target::Subject(Text::of("bob")))]);
    let told = trail.find(Query { limit: 1, ..Query::default() }).await.expect("a page");
    assert_eq!((told.events[0].id, told.events[0].ending), (id(2), Ending::Interrupted), "it has its line now");
    drop(trail);
    assert!(open(folder.path(), SETTINGS, at(4)).1.interrupted.is_empty());
    let verdict = verdict(folder.path());
    assert_eq!((verdict.torn, verdict.broken), (1, None), "the chain goes through a torn line");
}

#[tokio::test]
async fn files_turn_over_by_day_and_size_and_are_removed_by_age_and_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = Settings { file_size: 1, keep: Duration::from_secs(2 * DAY), total_size: 1 << 30 };
    let (trail, _) = open(folder.path(), small, at(0));
    effect(&trail, 1, at(0)).await;
    effect(&trail, 2, at(0)).await;
    assert!(files(folder.path()).len() >= 2, "a full file is followed by another one");
    effect(&trail, 3, at(DAY)).await;
    effect(&trail, 4, at(3 * DAY)).await;
    drop(trail);
    let days: Vec<u64> = names(folder.path()).expect("names").iter().map(|name| name.day).collect();
    assert!(days.iter().all(|day| *day >= at(DAY).seconds() / DAY) && days.contains(&(at(DAY).seconds() / DAY)), "{days:?}");
    let verdict = verdict(folder.path());
    assert_eq!((verdict.broken, verdict.from_the_beginning), (None, false), "the chain goes over files, and says that some are gone");
    let (trail, _) = open(folder.path(), Settings { total_size: 0, ..small }, at(3 * DAY));
    effect(&trail, 5, at(3 * DAY)).await;
    drop(trail);
    assert_eq!(files(folder.path()).len(), 1, "only the current file is left where there is no room");
}

#[tokio::test]
async fn only_its_owner_reads_it_and_a_folder_that_others_write_to_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("audit");
    three_effects(&folder).await;
    let mode = |path: &Path| fs::metadata(path).expect("its rights").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&files(&folder)[0])), (0o700, 0o600));
    let (held, _) = open(&folder, SETTINGS, at(0));
    assert!(matches!(Trail::open(&folder, SETTINGS, at(0), [0; 4]), Err(AuditFault::InUse { .. })));
    drop(held);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).expect("rights are set");
    assert!(matches!(Trail::open(&folder, SETTINGS, at(0), [0; 4]), Err(AuditFault::TooOpen { .. })));
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trail, _) = open(folder.path(), SETTINGS, at(0));
    for number in 1..=5 {
        effect(&trail, number, at(u64::from(number) * DAY)).await;
    }
    let (mut seen, mut place) = (Vec::new(), None);
    loop {
        let page = trail.find(Query { limit: 2, place, subject: None, ..Query::default() }).await.expect("a page");
        seen.extend(page.events.iter().map(|event| event.id));
        place = page.next.map(|next| next.to_string().parse().expect("a place"));
        if place.is_none() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1].map(id));
    let of = |subject: &str| Query { subject: Some(subject.to_owned()), limit: 9, ..Query::default() };
    assert_eq!(trail.find(of("alice")).await.expect("a page").events.len(), 5);
    assert!(trail.find(of("bob")).await.expect("a page").events.is_empty());
}

#[tokio::test]
async fn a_flood_takes_no_more_room_than_it_may_and_the_newest_stay() {
    const ROOM: u64 = 256 << 10;
    const FLOOD: usize = 2_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (trail, _) = open(folder.path(), Settings { file_size: ROOM / 4, total_size: ROOM, ..SETTINGS }, at(0));
    let held = || files(folder.path()).iter().map(|path| fs::metadata(path).map_or(0, |file| file.len())).sum::<u64>();
    let (mut most, mut written) = (0, 0);
    let subject = "x".repeat(5_000);
    for n in 0..FLOOD {
        let id = EventId::new(Stamp::from_millis(2 + n as u64), &[7; 10]);
        trail.intend(id, at(0), deed(&subject)).await.expect("an intent is written");
        trail.conclude(id, at(0), deed(&subject), Ending::Refused, Facts::default());
        most = most.max(held());
        written += 2;
    }
    // One write goes beyond what a file, and so the whole, may have: here an intent and the outcome before it.
    assert!(most <= ROOM + 4 * 1024, "{most} bytes");
    let page = trail.find(Query { limit: 1, ..Query::default() }).await.expect("a page");
    assert_eq!(page.events[0].id, EventId::new(Stamp::from_millis(1 + FLOOD as u64), &[7; 10]));
    drop(trail);
    let left = verdict(folder.path());
    assert_eq!((left.broken, left.from_the_beginning), (None, false));
    println!("flood: {written} lines with texts of 5,000 bytes, room {ROOM} bytes, most held {most}, lines left {}", left.lines);
}

#[tokio::test]
async fn many_intents_share_an_fsync_and_one_alone_waits_for_its_own() {
    const MANY: u64 = 512;
    let folder = tempfile::tempdir().expect("a folder");
    let (trail, _) = open(folder.path(), SETTINGS, at(0));
    let trail = Arc::new(trail);
    let intend = |n: u64| {
        let trail = trail.clone();
        async move { trail.intend(EventId::new(Stamp::from_millis(n), &[1; 10]), at(0), deed("alice")).await }
    };
    let began = tokio::time::Instant::now();
    for n in 0..MANY {
        intend(n).await.expect("an intent is written");
    }
    let (alone, syncs_alone) = (began.elapsed(), trail.syncs());
    assert_eq!(syncs_alone, MANY, "each was on disk before the next began");
    let began = tokio::time::Instant::now();
    let done = (MANY..2 * MANY).map(intend).collect::<JoinSet<_>>().join_all().await;
    let (together, syncs_together) = (began.elapsed(), trail.syncs() - syncs_alone);
    assert!(done.iter().all(Result::is_ok) && syncs_together < MANY, "{syncs_together}");
    println!(
        "{MANY} intents one after another: {MANY} fsyncs, {:?} each; at once: {syncs_together} fsyncs, {:?} each",
        alone / 512,
        together / 512
    );
}

#[tokio::test]
async fn files_name_what_was_never_finished_before_and_after_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trail, _) = open(folder.path(), SETTINGS, at(0));
    effect(&trail, 1, at(0)).await;
    trail.intend(id(2), at(1), deed("bob")).await.expect("an intent is written");
    drop(trail);
    let named = |verdict: &Verdict| -> Vec<_> {
        verdict.unfinished.iter().map(|effect| (effect.event.id, effect.event.at, effect.told_at)).collect()
    };
    assert_eq!(named(&verdict(folder.path())), [(id(2), at(1), None)]);
    let (trail, _) = open(folder.path(), SETTINGS, at(9));
    assert_eq!(trail.taken_up_at(), Some(at(1)));
    drop(trail);
    let told = verdict(folder.path());
    assert_eq!(named(&told), [(id(2), at(1), Some(at(9)))]);
    assert!(verify(folder.path(), Some(&told.head.to_uppercase())).expect("a verdict").knows_noted);
    assert!(!verify(folder.path(), Some(&"0".repeat(64))).expect("a verdict").knows_noted);
}

#[tokio::test]
async fn lines_cut_from_the_beginning_of_a_file_are_no_removed_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = three_effects(folder.path()).await;
    let (trail, _) = open(folder.path(), SETTINGS, at(DAY));
    effect(&trail, 4, at(DAY)).await;
    drop(trail);
    let paths = files(folder.path());
    let lines: Vec<&str> = text.lines().collect();
    let broken = || verdict(folder.path()).broken.map(|broken| (broken.path, broken.line));
    for from in 1..lines.len() {
        fs::write(&paths[0], lines[from..].join("\n") + "\n").expect("it is written");
        assert_eq!(broken(), Some((paths[0].clone(), 1)), "{from} lines cut off");
    }
    fs::write(&paths[0], &text).expect("it is written");
    assert_eq!(broken(), None);
    // A whole file is what retention removes; one by another's name is no file of the trail.
    let second = fs::read_to_string(&paths[1]).expect("the file");
    fs::remove_file(&paths[0]).expect("it is removed");
    let left = verdict(folder.path());
    assert_eq!((left.broken, left.from_the_beginning), (None, false));
    fs::rename(&paths[1], &paths[0]).expect("it is renamed");
    assert_eq!(broken(), Some((paths[0].clone(), 1)));
    // Nor do two files joined into one pass for one.
    fs::write(&paths[0], text + &second).expect("it is written");
    assert_eq!(broken(), Some((paths[0].clone(), 7)));
}

#[tokio::test]
async fn only_the_last_line_of_a_file_without_its_end_may_be_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = three_effects(folder.path()).await;
    let path = files(folder.path())[0].clone();
    let cases: [(&str, u64, Option<u64>); 6] = [
        ("{\"v\":1,\"kind\":\"outc", 1, None),
        ("\0\0\0", 1, None),
        ("{\"x\":1}\n", 0, Some(7)),
        ("\0\0\0\n", 0, Some(7)),
        ("\n", 0, Some(7)),
        ("{\"x\":1}\n{\"v\":1", 1, Some(7)),
    ];
    for (junk, torn, broken) in cases {
        fs::write(&path, format!("{text}{junk}")).expect("it is written");
        let verdict = verdict(folder.path());
        assert_eq!((verdict.torn, verdict.broken.map(|broken| broken.line)), (torn, broken), "{junk:?}");
    }
    fs::write(&path, text.replacen('\n', "\n{\"v\":1,\n", 1)).expect("it is written");
    assert_eq!(verdict(folder.path()).broken.map(|broken| broken.line), Some(2), "not in the middle");
    // A node goes on in another file, whatever the crash left of the last line.
    for (left, torn) in [(format!("{text}{{\"v\":1"), 1), (text.trim_end().to_owned(), 0)] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(path.file_name().expect("a name")), left).expect("it is written");
        let (trail, _) = open(folder.path(), SETTINGS, at(1));
        effect(&trail, 4, at(1)).await;
        drop(trail);
        let verdict = verdict(folder.path());
        assert_eq!((verdict.files, verdict.torn, verdict.lines, verdict.broken), (2, torn, 8 + torn, None));
    }
}

#[tokio::test]
async fn what_is_no_plain_file_is_named_before_it_is_opened() {
    let parent = tempfile::tempdir().expect("a folder");
    let day = format!("{}.000001.ndjson", "audit-2027-01-15");
    for (number, name) in ["node", &day].into_iter().enumerate() {
        for (kind, make) in [
            (
                "a pipe",
                (|path| std::process::Command::new("mkfifo").arg(path).status().is_ok_and(|made| made.success())) as fn(&Path) -> bool,
            ),
            ("a folder", |path| fs::create_dir(path).is_ok()),
            ("a link", |path| std::os::unix::fs::symlink("/dev/zero", path).is_ok()),
        ] {
            let folder = parent.path().join(format!("{number} {kind}"));
            three_effects(&folder).await;
            let path = folder.join(name);
            fs::remove_file(&path).expect("it was there");
            assert!(make(&path), "{kind}");
            let refused = AuditFault::NotAFile { path: path.clone() };
            assert_eq!(Trail::open(&folder, SETTINGS, at(0), [0; 4]).expect_err(kind), refused);
            assert!(refused.to_string().contains(&path.display().to_string()), "{refused}");
            if name == day {
                assert_eq!(verify(&folder, None).expect_err(kind), refused);
            }
        }
    }
}
