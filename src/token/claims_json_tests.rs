use proptest::prelude::*;

use super::super::test_claims::{any_claims, full};
use super::*;

fn numeric(edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Result<Claims, ClaimsFault> {
    edited(Dates::Numeric, edit)
}

fn edited(dates: Dates, edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Result<Claims, ClaimsFault> {
    let mut object = serde_json::from_str(&write(&full(), dates)).unwrap();
    edit(&mut object);
    read(serde_json::to_string(&object).unwrap().as_bytes(), dates)
}

#[test]
fn claims_are_written_in_one_order_and_spelling() {
    let numeric = concat!(
        r#"{"iss":"https://id.example","sub":"user-1","aud":"https://api.example","exp":1800000300,"iat":1800000000,"#,
        r#""jti":"01a3185c-507b-7101-8101-010101010101","client_id":"app","sid":"01a2dcc1-8600-7032-8202-020202020202","#,
        r#""scope":"read write","auth_time":1799000000,"acr":"2","amr":["pwd","otp"],"cnf":{"jkt":"thumb"},"act":{"sub":"a"},"#,
        r#""roles":["admin"]}"#,
    );
    assert_eq!(write(&full(), Dates::Numeric), numeric);
    let rfc3339 = numeric
        .replace("1800000300", "\"2027-01-15T08:05:00Z\"")
        .replace("1800000000", "\"2027-01-15T08:00:00Z\"")
        .replace("1799000000", "\"2027-01-03T18:13:20Z\"");
    assert_eq!(write(&full(), Dates::Rfc3339), rfc3339);
}

#[test]
fn each_required_claim_is_missed() {
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        for dates in [Dates::Numeric, Dates::Rfc3339] {
            assert_eq!(edited(dates, |claims| drop(claims.remove(name))), Err(ClaimsFault::Missing(name)));
        }
    }
    for name in ["sid", "scope", "auth_time", "acr", "amr", "cnf", "act", "roles"] {
        assert!(numeric(|claims| drop(claims.remove(name))).is_ok(), "{name}");
    }
}

#[test]
fn a_claim_of_the_wrong_type_is_never_taken_for_absent() {
    for name in ["iss", "sub", "aud", "client_id", "scope", "acr", "amr", "cnf", "act", "jti", "sid"] {
        for wrong in
            [serde_json::json!(null), serde_json::json!(5), serde_json::json!([5]), serde_json::json!({"jkt": 5}), serde_json::json!(true)]
        {
            if name == "act" && wrong.is_object() {
                continue; // any object is an actor
            }
            let read = numeric(|claims| drop(claims.insert(name.into(), wrong.clone())));
            assert_eq!(read, Err(ClaimsFault::WrongType(name)), "{wrong}");
        }
    }
    for (name, empty) in
        [("iss", serde_json::json!("")), ("sub", "".into()), ("aud", serde_json::json!([])), ("aud", serde_json::json!(["a", ""]))]
    {
        assert_eq!(numeric(|claims| drop(claims.insert(name.into(), empty))), Err(ClaimsFault::WrongType(name)));
    }
    for cnf in [serde_json::json!({}), serde_json::json!({"jkt": "a", "x5t#S256": "b"}), serde_json::json!({"kid": "a"})] {
        assert_eq!(numeric(|claims| drop(claims.insert("cnf".into(), cnf))), Err(ClaimsFault::WrongType("cnf")));
    }
    assert_eq!(numeric(|claims| drop(claims.insert("jti".into(), "1".into()))), Err(ClaimsFault::BadId("jti")));
    assert_eq!(numeric(|claims| drop(claims.insert("sid".into(), "1".into()))), Err(ClaimsFault::BadId("sid")));
}

#[test]
fn a_date_has_one_spelling_and_a_range() {
    let text = write(&full(), Dates::Numeric);
    let exp =
        |spelled: &str| read(text.replace("1800000300", spelled).as_bytes(), Dates::Numeric).map(|claims| claims.expires_at.seconds());
    assert_eq!(exp("1"), Ok(1));
    assert!(exp("9007199254740991").is_ok());
    for wrong in [
        "0",
        "01",
        "-1",
        "1.0",
        "1e9",
        "1e309",
        "9007199254740992",
        "18446744073709551616",
        "\"1800000300\"",
        "null",
        "\"2027-01-15T08:05:00Z\"",
        "[1]",
    ] {
        assert_eq!(exp(wrong), Err(ClaimsFault::BadDate("exp")), "{wrong}");
    }
    for wrong in
        ["1800000300", "\"2027-01-15T08:05:00+00:00\"", "\"2027-01-15t08:05:00Z\"", "\"1969-01-15T08:05:00Z\"", "\"1970-01-01T00:00:00Z\""]
    {
        let spelled = write(&full(), Dates::Rfc3339).replace("\"2027-01-15T08:05:00Z\"", wrong);
        assert_eq!(read(spelled.as_bytes(), Dates::Rfc3339), Err(ClaimsFault::BadDate("exp")), "{wrong}");
    }
}

#[test]
fn an_array_of_audiences_is_read_as_rfc_7519_demands() {
    let several = numeric(|claims| drop(claims.insert("aud".into(), serde_json::json!(["a", "b"]))));
    assert_eq!(several.unwrap().audience, ["a", "b"]);
}

#[test]
fn a_payload_of_strange_shape_is_malformed() {
    let good = write(&full(), Dates::Numeric);
    let twice = good.replacen('{', r#"{"\u0069ss":"x","#, 1);
    let nested = good.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1);
    let deep = good.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(8), "]".repeat(8)), 1);
    let many = good.replacen('{', &format!("{{{},", (0..60).map(|at| format!("\"m{at}\":0")).collect::<Vec<_>>().join(",")), 1);
    let trailing = format!("{good} x");
    for wrong in [&twice, &nested, &deep, &many, &trailing, "[]", "", "\u{feff}{}"] {
        assert_eq!(read(wrong.as_bytes(), Dates::Numeric), Err(ClaimsFault::Malformed), "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(claims in any_claims()) {
        for dates in [Dates::Numeric, Dates::Rfc3339] {
            let text = write(&claims, dates);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            prop_assert_eq!(read(text.as_bytes(), dates), Ok(claims.clone()));
        }
    }
}
