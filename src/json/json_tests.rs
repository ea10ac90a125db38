use super::*;

const WIDE: Limits = Limits { depth: 8, members: 64 };

fn names(text: &str) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    object::<Fault>(text.as_bytes(), WIDE, |name, _| {
        names.push(name.to_owned());
        Ok(())
    })?;
    Ok(names)
}

#[test]
fn a_name_may_appear_once_at_each_level_however_it_is_spelled() {
    assert_eq!(names(r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
    for twice in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"b":{"a":1,"a":2}}"#, r#"{"b":[{"x":1,"\u0078":2}]}"#] {
        assert_eq!(names(twice), Err(Fault::DuplicateName), "{twice}");
    }
}

#[test]
fn depth_and_members_end_where_the_limits_say() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(check(nested(8).as_bytes(), WIDE), Ok(()));
    assert_eq!(check(nested(9).as_bytes(), WIDE), Err(Fault::TooDeep));
    assert_eq!(check("[".repeat(100_000).as_bytes(), WIDE), Err(Fault::TooDeep));
    let members = |count: usize| {
        let list: Vec<_> = (0..count - 1).map(|at| format!("\"m{at}\":0")).collect();
        format!("{{\"in\":{{{}}}}}", list.join(","))
    };
    assert_eq!(check(members(64).as_bytes(), WIDE), Ok(()));
    assert_eq!(check(members(65).as_bytes(), WIDE), Err(Fault::TooMany));
}

#[test]
fn what_is_no_single_utf8_value_is_refused() {
    let bad: [&[u8]; 12] = [
        b"",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":NaN}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\\udc00\\ud800\"}",
        b"{\"a\":01}",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"{\"a\":\"\n\"}",
        b"{}\0",
    ];
    for text in bad {
        assert_eq!(check(text, WIDE), Err(Fault::Malformed), "{:?}", String::from_utf8_lossy(text));
    }
    assert_eq!(names("[]"), Err(Fault::WrongKind));
    assert_eq!(names("[}"), Err(Fault::Malformed));
}

#[test]
fn values_come_out_as_they_are_spelled_and_strings_resolved() {
    let text = r#"{"s":"a\"\u00e9\ud83d\ude00","p":"plain","n":-1.50e+3,"i":7,"t":true,"z":null,"a":[1, "x"],"o":{"k" : 2}}"#;
    let mut seen = Vec::new();
    object::<Fault>(text.as_bytes(), WIDE, |name, value| {
        seen.push((name.to_owned(), value));
        Ok(())
    })
    .unwrap();
    let expected = [
        ("s", Value::Str(Cow::Owned("a\"é😀".to_owned()))),
        ("p", Value::Str(Cow::Borrowed("plain"))),
        ("n", Value::Number("-1.50e+3")),
        ("i", Value::Number("7")),
        ("t", Value::Bool(true)),
        ("z", Value::Null),
        ("a", Value::Array(r#"[1, "x"]"#)),
        ("o", Value::Object(r#"{"k" : 2}"#)),
    ];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn a_whole_number_has_no_sign_point_or_exponent() {
    assert_eq!(Value::Number("18446744073709551615").whole(), Some(u64::MAX));
    for other in ["18446744073709551616", "-1", "-0", "1.0", "1e3", "1E3"] {
        assert_eq!(Value::Number(other).whole(), None, "{other}");
    }
}

#[test]
fn compacting_leaves_strings_alone() {
    assert_eq!(compact("{ \"a b\" : [ 1 , \" \\\" \\\\\" , 2 ] }"), r#"{"a b":[1," \" \\",2]}"#);
}

proptest::proptest! {
    #[test]
    fn a_written_string_reads_back(text in "\\PC*|[\\x00-\\x20\"\\\\]*") {
        let mut json = String::new();
        push_string(&mut json, &text);
        let list = format!("[{json}]");
        let mut read = None;
        array::<Fault>(list.as_bytes(), WIDE, |value| {
            read = Some(value);
            Ok(())
        })
        .unwrap();
        proptest::prop_assert_eq!(read, Some(Value::Str(Cow::Owned(text.clone()))));
        proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn what_is_read_is_json_to_others_too(bytes in proptest::collection::vec(proptest::sample::select(br#"{}[]",:\u0019aetrufalsn.-+E "#.to_vec()), 0..24)) {
        if check(&bytes, WIDE).is_ok() {
            proptest::prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&bytes).is_ok());
        }
    }
}
