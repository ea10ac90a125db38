use proptest::prelude::*;

use super::*;
use crate::id::Stamp;
use crate::keyring::MacKey;
use crate::time::Moment;

fn ring(ids: &[u8]) -> KeyRing {
    let begin = Moment::from_seconds(0);
    let macs = ids.iter().map(|&id| MacKey::new(id, Secret::new([id; 32]), begin, begin, None)).collect();
    KeyRing { macs, ..KeyRing::default() }
}

fn token(mac_key: u8, generation: u32) -> RefreshToken {
    RefreshToken::new(mac_key, Sid::in_shard(Stamp::from_millis(7), 9, &[5; 10]), generation, Secret::new([6; 16]))
}

fn text(token: &RefreshToken, ring: &KeyRing) -> String {
    token.write(ring).unwrap().expose(Clone::clone)
}

#[test]
fn a_token_has_the_layout_of_the_design() {
    let text = text(&token(3, 0x0102_0304), &ring(&[3]));
    assert_eq!((text.len(), &text[..4]), (76, "mrt_"));
    let bytes = b64::decode(&text[4..]).unwrap();
    assert_eq!((bytes.len(), bytes[0], bytes[1]), (54, 1, 3));
    assert_eq!(&bytes[2..18], token(3, 0).sid.as_bytes());
    assert_eq!(&bytes[18..22], [1, 2, 3, 4]);
    assert_eq!(&bytes[22..38], [6; 16]);
    assert_eq!(&bytes[38..], ring(&[3]).mac(3).unwrap().mac(&bytes[..38]));
    assert!(!format!("{:?}", token(3, 1)).contains("6, 6"));
}

#[test]
fn a_successor_is_computed_and_always_the_same() {
    let ring = ring(&[1, 2]);
    let first = token(1, 0);
    assert_eq!(text(&first.successor(1, 2), &ring), text(&token(2, 1), &ring));
    assert_eq!(first.successor(1, 2).secret_hash(), first.secret_hash());
    assert_eq!(first.secret_hash()[..], *digest(&SHA256, &[6; 16]).as_ref());
}

#[test]
fn each_way_of_being_wrong_has_its_fault() {
    let known = ring(&[1]);
    let good = text(&token(1, 4), &known);
    assert_eq!(RefreshToken::read(&good, &known), Ok(token(1, 4)));
    assert_eq!(RefreshToken::read(&good, &ring(&[2])), Err(RefreshFault::UnknownMacKey(1)));
    assert!(token(1, 4).write(&ring(&[2])).is_none());
    let other_key = KeyRing { macs: vec![MacKey::new(1, Secret::new([9; 32]), Moment::default(), Moment::default(), None)], ..ring(&[]) };
    assert_eq!(RefreshToken::read(&good, &other_key), Err(RefreshFault::Forged));

    let mut bytes = b64::decode_array::<BYTES>(&good[4..]).unwrap();
    bytes[8] = 0; // no UUIDv7 any more, and rightly MACed: only we could have made it
    let mac = known.mac(1).unwrap().mac(&bytes[..SIGNED]);
    bytes[SIGNED..].copy_from_slice(&mac);
    let no_uuid = format!("mrt_{}", b64::encode(bytes));
    let padded = format!("{good}=");
    let long = "m".repeat(1 << 20);
    for wrong in ["", "mrt_", &good[..75], &padded, &format!(" {}", &good[..75]), &good.replacen("mrt_", "MRT_", 1), &no_uuid, &long] {
        assert_eq!(RefreshToken::read(wrong, &known), Err(RefreshFault::Malformed), "{wrong:.80}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_one_changed_character_is_refused(
        mac_key: u8, stamp in 0_u64..1 << 48, random: [u8; 10], generation: u32, secret: [u8; 16], at in 0_usize..76, with in "[ -~]",
    ) {
        let ring = ring(&[mac_key]);
        let token = RefreshToken::new(mac_key, Sid::new(Stamp::from_millis(stamp), &random), generation, Secret::new(secret));
        let mut text = text(&token, &ring);
        prop_assert_eq!(RefreshToken::read(&text, &ring), Ok(token));
        let changed = text[at..=at] != with;
        text.replace_range(at..=at, &with);
        prop_assert_eq!(RefreshToken::read(&text, &ring).is_err(), changed);
    }
}
