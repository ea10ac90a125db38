use super::*;

/// What the world does to one session in a random history.
#[derive(Clone, Debug)]
enum Act {
    /// Time goes on, with a heartbeat every second.
    Wait(u64),
    /// The store is down for so long, in milliseconds: no heartbeat comes.
    Outage(u64),
    /// The store's clock jumps, in milliseconds.
    Jump(i64),
    /// A tab reads the stored token.
    Read(usize),
    /// A tab presents what it read; whether the answer arrives.
    Send(usize, bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_u64..40_000).prop_map(Act::Wait),
        1 => (6_000_u64..600_000).prop_map(Act::Outage),
        1 => prop_oneof![-3_600_000_i64..-11_000, -4_900_i64..0, 11_000_i64..3_600_000].prop_map(Act::Jump),
        3 => (0_usize..3).prop_map(Act::Read),
        6 => ((0_usize..3), any::<bool>()).prop_map(|(tab, arrives)| Act::Send(tab, arrives)),
    ]
}

/// A token as the client holds it: its generation and the MAC key it was made under say all its bytes, for one session.
type Held = (u32, u8);

struct World {
    session: Session,
    time: StoreTime,
    /// Real time, which no clock in the model shows.
    real: Duration,
    stored: Held,
    /// What each tab holds, when it read it, and whether it was current then.
    tabs: [(Held, Duration, bool); 3],
    next_mac_key: u8,
    /// A clock that jumps again before any heartbeat has seen the jump before is beyond the promise, and so are many small steps in one
    /// window.
    quiet_until: Duration,
    /// Every refresh token ever handed out, by generation.
    handed_out: std::collections::BTreeMap<u32, u8>,
}

impl World {
    fn new() -> Self {
        let session = session(0);
        let stored = (0, session.mac_key);
        let handed_out = [stored].into();
        let time = steady(ROTATED);
        let tabs = [(stored, Duration::ZERO, true); 3];
        Self { session, time, real: Duration::ZERO, stored, tabs, next_mac_key: 1, quiet_until: Duration::ZERO, handed_out }
    }

    fn beat(&mut self) {
        if self.time.is_unsteady() {
            self.time.steady_since = self.time.now;
        }
        self.time.last_heartbeat = self.time.now;
    }

    fn pass(&mut self, millis: u64, beats: bool) {
        let mut left = millis;
        while left > 0 {
            let step = left.min(1_000);
            self.time.now = self.time.now.plus(Duration::from_millis(step));
            self.real += Duration::from_millis(step);
            left -= step;
            if beats {
                self.beat();
            }
        }
    }

    fn jump(&mut self, by: i64) {
        if self.real < self.quiet_until {
            return;
        }
        self.quiet_until = self.real + WINDOW + Duration::from_secs(1);
        let by_much = Duration::from_millis(by.unsigned_abs());
        self.time.now = if by < 0 { self.time.now.minus(by_much) } else { self.time.now.plus(by_much) };
    }

    fn read(&mut self, tab: usize) {
        self.tabs[tab] = (self.stored, self.real, self.stored.0 == self.session.generation);
    }

    /// A tab presents its token. Says what came of it and whether the promise to honest clients covered it.
    fn send(&mut self, tab: usize, arrives: bool) -> (Outcome, bool) {
        self.next_mac_key = self.next_mac_key.wrapping_add(1);
        let ((generation, mac_key), read_at, was_current) = self.tabs[tab];
        let covered = was_current && self.real - read_at < WINDOW;
        let request = Request { generation, mac_key, next_mac_key: self.next_mac_key, ..request(generation) };
        let outcome = judge(&self.session, &request, Epochs::default(), self.time);
        apply(outcome, &mut self.session, &request, self.time.now);
        if matches!(outcome, Outcome::Rotated | Outcome::Retried) {
            let answer = (self.session.generation, self.session.mac_key);
            let known = *self.handed_out.entry(answer.0).or_insert(answer.1);
            assert_eq!(known, answer.1, "two different refresh tokens of generation {}", answer.0);
            if arrives {
                self.stored = answer;
                self.read(tab);
            }
        }
        (outcome, covered)
    }
}

proptest! {
    #[test]
    fn a_token_that_was_current_when_read_is_good_for_the_whole_window(acts in prop::collection::vec(act(), 1..60)) {
        let mut world = World::new();
        for act in acts {
            let before = world.session.generation;
            match act {
                Act::Wait(millis) => world.pass(millis, true),
                Act::Outage(millis) => world.pass(millis, false),
                Act::Jump(by) => world.jump(by),
                Act::Read(tab) => world.read(tab),
                Act::Send(tab, arrives) => {
                    let (outcome, covered) = world.send(tab, arrives);
                    if covered {
                        prop_assert!(matches!(outcome, Outcome::Rotated | Outcome::Kept | Outcome::Retried), "{outcome:?}");
                    }
                    if matches!(outcome, Outcome::Reused | Outcome::Gone(_)) {
                        break;
                    }
                }
            }
            prop_assert!(world.session.generation == before || world.session.generation == before + 1);
        }
    }
}
