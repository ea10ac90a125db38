use super::*;
use crate::keyring::test_keys::signing;
use crate::keyring::{Algorithm, SigningKey};

fn verifying(seed: u8) -> VerifyingKey {
    signing(Algorithm::EdDsa, seed).verifying().clone()
}

fn table(key: &mut VerifyingKey) -> Option<Arc<KeyTable>> {
    key.ed25519_mut().and_then(|key| key.table.clone())
}

#[test]
fn few_keys_have_tables_and_the_others_check_without() {
    let signing: Vec<SigningKey> = (0..12).map(|seed| signing(Algorithm::EdDsa, seed)).collect();
    let mut keys: Vec<VerifyingKey> = signing.iter().map(|key| key.verifying().clone()).collect();
    keys.push(super::super::test_keys::signing(Algorithm::Es256, 1).verifying().clone());
    let mut tables = Tables::default();
    tables.equip(&mut keys);
    let room = if cfg!(feature = "tables") { Tables::KEYS } else { 0 };
    assert_eq!(tables.len(), room);
    assert_eq!(keys.iter_mut().filter_map(table).count(), room);
    assert!(keys[..room].iter_mut().all(|key| table(key).is_some()), "the first ones have theirs");
    for (signer, key) in signing.iter().zip(&keys) {
        let signature = signer.sign(b"message").unwrap();
        assert!(key.verify(b"message", &signature) && !key.verify(b"massage", &signature));
        assert!(!key.verify(b"message", &signature[..63]));
        assert_eq!(key, signer.verifying(), "a table changes nothing about which key it is");
    }
    let (key, base) = (Tables::KEY_BYTES, Tables::BASE_BYTES);
    println!("{key} bytes a key, {base} shared: at most {} bytes for {room} keys", room * key + base);
    assert!(key <= 132_096 && base <= 393_216);
}

#[cfg(feature = "tables")]
#[test]
fn a_key_keeps_its_table_while_it_is_named_and_loses_it_then() {
    let mut tables = Tables::default();
    let [mut one, mut other] = [1, 2].map(verifying);
    tables.equip([&mut one, &mut other]);
    let made = table(&mut one).unwrap();
    // The same point under another algorithm shares it.
    let mut paseto = signing(Algorithm::V4Public, 1).verifying().clone();
    let mut again = verifying(1);
    tables.equip([&mut paseto, &mut again]);
    assert!([paseto, again].iter_mut().all(|key| Arc::ptr_eq(&table(key).unwrap(), &made)));
    assert_eq!(tables.len(), 1);
    tables.equip([]);
    assert!(tables.is_empty());
    let (last, _) = (Arc::downgrade(&made), drop((made, one)));
    assert!(last.upgrade().is_none(), "nobody else holds a table");
}

#[cfg(feature = "tables")]
#[test]
fn a_key_outside_the_group_of_prime_order_has_no_table_and_answers_as_before() {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::{EdwardsPoint, Scalar};
    let mut tables = Tables::default();
    for (at, torsion) in EIGHT_TORSION.iter().enumerate() {
        let bytes = (EdwardsPoint::mul_base(&Scalar::from(5_u32)) + torsion).compress().to_bytes();
        let mut key = VerifyingKey::from_ed25519(Algorithm::EdDsa, &bytes).unwrap();
        tables.equip([&mut key]);
        assert_eq!(table(&mut key).is_some(), at == 0, "{at}");
    }
}
