//! Claims for tests of this floor.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::claims::{Claims, Custom};
use crate::id::{Jti, Sid, Stamp};
use crate::time::Moment;

/// Claims with everything that a token can say.
pub(super) fn full() -> Claims {
    Claims {
        issuer: "https://id.example".into(),
        subject: "user-1".into(),
        audience: vec!["https://api.example".into()],
        expires_at: Moment::from_seconds(1_800_000_300),
        issued_at: Moment::from_seconds(1_800_000_000),
        not_before: None,
        jti: Jti::new(Stamp::from_millis(1_800_000_000_123), &[1; 10]),
        client_id: "app".into(),
        sid: Some(Sid::in_shard(Stamp::from_millis(1_799_000_000_000), 3, &[2; 10])),
        scope: Some("read write".into()),
        auth_time: Some(1_799_000_000),
        acr: Some("2".into()),
        amr: vec!["pwd".into(), "otp".into()],
        sender_key: Some("thumb".into()),
        actor: Some(r#"{"sub":"a"}"#.into()),
        custom: Custom::parse(r#"{"roles":["admin"]}"#).unwrap(),
    }
}

/// Claims of any content that we could mint.
pub(super) fn any_claims() -> impl Strategy<Value = Claims> {
    let text = || "[^\\x00]{1,12}|[\"\\\\\\x01-\\x1f]{1,4}";
    let second = || 1_u64..253_402_300_799;
    let ids = (0_u64..1 << 48, any::<[u8; 10]>(), option::of((0_u64..1 << 48, any::<[u8; 10]>())));
    let names = (text(), text(), vec(text(), 1..3), text(), option::of(text()), option::of(text()), vec(text(), 0..3), option::of(text()));
    let dates = (second(), second(), option::of(second()), option::of(second()));
    let custom = (option::of("[a-z]{1,8}"), "[^\\x00]{0,12}", -1000_i64..1000);
    (names, dates, ids, custom).prop_map(|(names, dates, ids, custom)| {
        let (issuer, subject, audience, client_id, scope, acr, amr, sender_key) = names;
        let (name, text, number) = custom;
        let custom = name.map(|name| serde_json::json!({format!("x_{name}"): [text, {"n": number}]}).to_string());
        Claims {
            issuer,
            subject,
            audience,
            expires_at: Moment::from_seconds(dates.0),
            issued_at: Moment::from_seconds(dates.1),
            not_before: dates.2.map(Moment::from_seconds),
            jti: Jti::new(Stamp::from_millis(ids.0), &ids.1),
            client_id,
            sid: ids.2.map(|(stamp, random)| Sid::new(Stamp::from_millis(stamp), &random)),
            scope,
            auth_time: dates.3,
            acr,
            amr,
            sender_key,
            actor: None,
            custom: custom.map(|text| Custom::parse(&text).unwrap()).unwrap_or_default(),
        }
    })
}
