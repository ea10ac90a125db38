//! Changed claims and narrowed scopes.

use super::*;
use crate::policy::rotation::Above;

fn claims(text: &str) -> Patch {
    Patch { claims: Some(text.to_owned()), scope: None }
}

pub(super) async fn claims_merge_and_null_removes<S: Store>(on: Bench<S>) {
    let opened = on.open(Session { claims: r#"{"role":"user","team":"a"}"#.to_owned(), ..session() }).await;
    let patch = claims(r#"{"role":"admin","team":null,"level":3}"#);
    let Ok(Patched::Done(now)) = on.store.patch(opened.sid, patch, Known::default()).await else { panic!("not patched") };
    assert_eq!(now.claims, r#"{"level":3,"role":"admin"}"#);
    assert_eq!(*now, on.session(&opened).await);
}

pub(super) async fn a_scope_narrows_and_never_widens<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let patch = Patch { claims: None, scope: Some(scopes("read")) };
    let Ok(Patched::Done(now)) = on.store.patch(opened.sid, patch.clone(), Known::default()).await else { panic!("not patched") };
    assert_eq!((&now.scope, &now.opened_scope), (&scopes("read"), &opened.opened_scope));
    for wider in ["read write", "write", "read admin"] {
        let patch = Patch { scope: Some(scopes(wider)), ..claims(r#"{"a":1}"#) };
        assert_eq!(on.store.patch(opened.sid, patch, Known::default()).await, Ok(Patched::Wider), "{wider}");
    }
    assert_eq!(on.store.patch(opened.sid, patch, Known::default()).await, Ok(Patched::Done(now.clone())), "the same again is no widening");
    assert_eq!(on.session(&opened).await, *now, "a refused patch writes nothing");
}

pub(super) async fn what_was_taken_from_a_session_is_refused_and_writes_nothing<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let patch = Patch { claims: None, scope: Some(scopes("read")) };
    let Ok(Patched::Done(now)) = on.store.patch(opened.sid, patch, Known::default()).await else { panic!("not patched") };
    let asks = |scope| Request { scope: Some(scopes(scope)), ..token(&opened, 0) };
    for taken in ["write", "read write"] {
        assert_eq!(on.refresh(asks(taken)).await, Refreshed::Refused(Above::Scope), "{taken}");
        assert_eq!(on.session(&opened).await, *now);
    }
    assert_eq!(row(&on.refresh(asks("read")).await), "Rotated", "its refresh token is as good as before");
}

pub(super) async fn what_is_too_large_writes_nothing<S: Store>(on: Bench<S>) {
    let opened = on.open(Session { claims: r#"{"a":1}"#.to_owned(), ..session() }).await;
    let long = format!(r#"{{"b":"{}"}}"#, "x".repeat(2_040));
    let many = format!("{{{}}}", (0..32).map(|n| format!(r#""b{n}":1"#)).collect::<Vec<_>>().join(","));
    for too_large in [long, many] {
        let patch = Patch { scope: Some(scopes("read")), ..claims(&too_large) };
        assert_eq!(on.store.patch(opened.sid, patch, Known::default()).await, Ok(Patched::TooLarge));
    }
    assert_eq!(on.session(&opened).await, opened);
}

pub(super) async fn a_session_that_is_over_is_not_patched<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.epoch(subject("alice"), Extent::Sessions).await;
    let gone = on.store.patch(opened.sid, claims(r#"{"a":1}"#), Known::default()).await;
    assert_eq!(gone, Ok(Patched::Gone(Some(EndReason::SubjectRevoked))));
    let unknown = Sid::in_shard(Stamp::from_millis(5), 0, &[9; 10]);
    assert_eq!(on.store.patch(unknown, claims("{}"), Known::default()).await, Ok(Patched::Gone(None)));
}

pub(super) async fn a_subject_is_patched_whole_or_not_at_all<S: Store>(on: Bench<S>) {
    let (small, large) =
        (on.open(session()).await, on.open(Session { claims: format!(r#"{{"a":"{}"}}"#, "x".repeat(2_035)), ..session() }).await);
    let bob = on.open(Session { subject: "bob".to_owned(), ..session() }).await;
    let patch = claims(r#"{"b":"too much"}"#);
    let void = on.revocation(Revocable::Epoch { target: subject("alice"), extent: Extent::AccessTokens });
    let too_large = on.store.patch_subject("alice".to_owned(), None, patch, Some(void)).await;
    assert_eq!(too_large, Ok(SubjectPatched::TooLarge));
    assert_eq!((on.session(&small).await, on.session(&large).await), (small.clone(), large));
    assert_eq!(on.log().await.entries, []);
    let done = on.store.patch_subject("alice".to_owned(), None, claims(r#"{"a":null,"b":1}"#), None).await;
    assert_eq!(done, Ok(SubjectPatched::Done { sessions: 2, voided: None }));
    assert_eq!(on.session(&small).await.claims, r#"{"b":1}"#);
    assert_eq!(on.session(&bob).await, bob);
    let elsewhere = on.store.patch_subject("alice".to_owned(), Some("web".to_owned()), claims(r#"{"b":2}"#), None).await;
    assert_eq!(elsewhere, Ok(SubjectPatched::Done { sessions: 0, voided: None }));
}

pub(super) async fn a_patch_voids_access_tokens_in_the_same_step<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let void = on.revocation(Revocable::Epoch { target: subject("alice"), extent: Extent::AccessTokens });
    let id = void.id;
    let done = on.store.patch_subject("alice".to_owned(), None, claims(r#"{"role":"admin"}"#), Some(void)).await;
    let Ok(SubjectPatched::Done { sessions: 1, voided: Some(entry) }) = done else { panic!("{done:?}") };
    assert_eq!(on.log().await.entries, [entry]);
    let revoked = on.store.revocation(id).await.expect("the store works").expect("remembered");
    let Refreshed::Granted { session, stamp, .. } = on.refresh(token(&opened, 0)).await else { panic!("the session goes on") };
    assert_eq!(session.claims, r#"{"role":"admin"}"#);
    assert!(stamp > revoked.stamp && revoked.stamp > opened.sid.stamp());
}
