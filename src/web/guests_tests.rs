use std::net::IpAddr;

use super::*;

fn left(guest: &Guest) -> bool {
    guest.badge.leave.is_cancelled()
}

fn taken(house: &Guests) -> usize {
    house.lock().taken
}

#[test]
fn the_one_who_was_waited_for_the_longest_leaves_first() {
    let house = Guests::new(3, 3);
    let [a, b, c] = std::array::from_fn(|_| house.admit(None).unwrap());
    let turn = a.turn(9).unwrap();
    turn.is_whole();
    drop(turn);
    let _d = house.admit(None).unwrap();
    assert!(left(&b) && !left(&a) && !left(&c), "a was served meanwhile, so b has waited longest");
    let _e = house.admit(None).unwrap();
    assert!(left(&c) && !left(&a));
}

#[test]
fn who_is_served_stays_and_half_a_request_is_not_yet_served() {
    let house = Guests::new(2, 2);
    let a = house.admit(None).unwrap();
    let b = house.admit(None).unwrap();
    let (whole, half) = (a.turn(9).unwrap(), b.turn(9).unwrap());
    whole.is_whole();
    assert!(house.admit(None).is_some() && left(&b) && !left(&a));
    drop(half);
    let c = house.admit(None).unwrap();
    c.turn(9).unwrap().is_whole();
    let still = c.turn(9).unwrap();
    still.is_whole();
    assert!(house.admit(None).is_none(), "everybody is served");
    drop(still);
    assert!(house.admit(None).is_some() && left(&c));
}

#[test]
fn a_place_is_given_back_exactly_once_whatever_the_order() {
    let house = Guests::new(2, 2);
    for order in 0..4 {
        let a = house.admit(None).unwrap();
        let turn = a.turn(9).unwrap();
        if order & 1 == 1 {
            turn.is_whole();
            turn.is_whole();
        }
        if order & 2 == 2 {
            house.make_room();
        }
        drop(a);
        drop(turn);
        assert_eq!((taken(&house), house.lock().waited_for.len()), (0, 0), "order {order}");
    }
    let a = house.admit(None).unwrap();
    let turn = a.turn(9).unwrap();
    assert!(house.make_room() && left(&a));
    turn.is_whole();
    drop((turn, a));
    assert_eq!(taken(&house), 0, "one who is sent away and served all the same");
}

#[test]
fn beyond_its_measure_a_guest_has_to_leave() {
    let house = Guests::new(9, 9);
    let a = house.admit(None).unwrap();
    let held: Vec<_> = (0..3).map(|_| a.turn(3).unwrap()).collect();
    assert!(!left(&a));
    assert!(a.turn(3).is_none() && left(&a));
    drop(held);
    assert!(a.turn(3).is_none(), "nothing is begun for one who is told to leave");
}

fn from(last: u8) -> Option<Network> {
    Some(IpAddr::from([192, 0, 2, last]).into())
}

#[test]
fn one_network_takes_its_measure_and_makes_room_for_its_own() {
    let house = Guests::new(10, 2);
    let b = house.admit(from(2)).unwrap();
    let [a1, a2, a3] = std::array::from_fn(|_| house.admit(from(1)).unwrap());
    assert!(left(&a1) && !left(&a2) && !left(&b), "the one of its own that was waited for the longest");
    let turns = [&a2, &a3].map(|guest| guest.turn(9).unwrap());
    turns.iter().for_each(|turn| turn.is_whole());
    assert!(house.admit(from(1)).is_none(), "both are served");
    assert!(house.admit(from(2)).is_some() && house.admit(None).is_some() && !left(&b));
    drop((turns, a1, a2, a3, b));
    assert_eq!((taken(&house), house.lock().networks.len()), (0, 0), "nobody is remembered");
}

#[test]
fn who_has_the_most_requests_under_way_leaves_first_when_there_are_too_many() {
    let house = Guests::new(3, 3);
    let [a, b, c] = std::array::from_fn(|_| house.admit(None).unwrap());
    let (few, many): (Vec<_>, Vec<_>) = ((0..2).map(|_| a.turn(9).unwrap()).collect(), (0..3).map(|_| b.turn(9).unwrap()).collect());
    let first = c.turn(9).unwrap();
    assert!(!left(&a) && !left(&b), "one request each, and three more");
    let second = c.turn(9).unwrap();
    assert!(left(&b) && !left(&a) && !left(&c));
    assert_eq!(house.lock().extra, 2, "what it held is free at once");
    drop(many);
    assert_eq!(house.lock().extra, 2, "and not a second time");
    few.iter().chain([&first, &second]).for_each(|turn| turn.is_whole());
    let third = c.turn(9).unwrap();
    assert!(c.turn(9).is_none() && !left(&c), "everybody is served: the request is refused, and nobody leaves");
    drop((few, first, second, third, a, b, c));
    assert_eq!((taken(&house), house.lock().extra), (0, 0));
}
