use super::*;

fn left(guest: &Guest) -> bool {
    guest.leave.is_cancelled()
}

fn taken(house: &Guests) -> usize {
    house.lock().taken
}

#[test]
fn the_one_who_was_waited_for_the_longest_leaves_first() {
    let house = Guests::new(3);
    let [a, b, c] = std::array::from_fn(|_| house.admit().unwrap().0);
    let turn = a.turn(9).unwrap();
    turn.is_whole();
    drop(turn);
    let (_d, one_left) = house.admit().unwrap();
    assert!(one_left && left(&b) && !left(&a) && !left(&c), "a was served meanwhile, so b has waited longest");
    let (_e, _) = house.admit().unwrap();
    assert!(left(&c) && !left(&a));
}

#[test]
fn who_is_served_stays_and_half_a_request_is_not_yet_served() {
    let house = Guests::new(2);
    let (a, _) = house.admit().unwrap();
    let (b, _) = house.admit().unwrap();
    let (whole, half) = (a.turn(9).unwrap(), b.turn(9).unwrap());
    whole.is_whole();
    assert!(house.admit().is_some() && left(&b) && !left(&a));
    drop(half);
    let (c, _) = house.admit().unwrap();
    c.turn(9).unwrap().is_whole();
    let still = c.turn(9).unwrap();
    still.is_whole();
    assert!(house.admit().is_none(), "everybody is served");
    drop(still);
    assert!(house.admit().is_some() && left(&c));
}

#[test]
fn a_place_is_given_back_exactly_once_whatever_the_order() {
    let house = Guests::new(2);
    for order in 0..4 {
        let (a, _) = house.admit().unwrap();
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
    let (a, _) = house.admit().unwrap();
    let turn = a.turn(9).unwrap();
    assert!(house.make_room() && left(&a));
    turn.is_whole();
    drop((turn, a));
    assert_eq!(taken(&house), 0, "one who is sent away and served all the same");
}

#[test]
fn beyond_its_measure_a_guest_has_to_leave() {
    let house = Guests::new(2);
    let (a, _) = house.admit().unwrap();
    let held: Vec<_> = (0..3).map(|_| a.turn(3).unwrap()).collect();
    assert!(!left(&a));
    assert!(a.turn(3).is_none() && left(&a));
    drop(held);
    assert!(a.turn(3).is_some());
}
