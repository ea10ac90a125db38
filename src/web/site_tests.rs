use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::time::{sleep, timeout};

use super::*;
use crate::ambient::{SystemClock, SystemEntropy};
use crate::api::Code;
use crate::telemetry::Metrics;
use crate::web::{Id, Ids, Observer, Rate, RateLimits, Refused, Surface};

fn part() -> Part {
    let observer = Observer::new(Arc::new(SystemClock::new()), Arc::new(SystemEntropy), Arc::new(Metrics::new("tests")));
    Part::new(Surface::Api, observer, Arc::default())
}

fn site(part: Part, routes: Routes<()>) -> Site {
    let mut site = Site::new(part.clone());
    site.show(part, routes, &());
    site
}

fn request(method: Method, path: &str) -> Request {
    Request::builder().method(method).uri(path).header("host", "tests").body(Body::empty()).unwrap()
}

async fn said(answer: Response) -> (u16, Option<String>, String) {
    let length = answer.headers().get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, length, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn an_address_names_what_it_spells_and_nothing_where_it_cannot_be_read() {
    let routes = Routes::new()
        .get("/things/{id}", |Id(name): Id<String>| async { name })
        .get("/things/{id}/parts/{part}", |Ids(one, other): Ids| async move { format!("{one} {other}") })
        .get("/things/all", || async { "all" });
    let site = site(part(), routes);
    let ask = async |path: &str| said(site.answer(request(Method::GET, path)).await).await;
    for (path, name) in [("/things/a", "a"), ("/things/%C3%A9%2F+b", "é/+b"), ("/things/all", "all"), ("/things/a%20b/parts/c", "a b c")] {
        let (status, _, body) = ask(path).await;
        assert_eq!((status, body.as_str()), (200, name), "{path}");
    }
    for path in ["/things/%ff", "/things/%zz", "/things/a%", "/things/%ff/parts/a"] {
        assert!(ask(path).await.2.contains("not_found") && ask(path).await.0 == 404, "{path}");
    }
    for path in ["/things/", "/things/a/", "//things/a", "/things/a/b", "/things/a/parts/"] {
        assert!(ask(path).await.2.contains("route_not_found"), "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body_and_other_methods_are_told_what_there_is() {
    let nothing = |status: StatusCode| move || async move { status };
    let routes = Routes::new()
        .get("/text", || async { "text" })
        .post("/text", || async { "taken" })
        .get("/none", nothing(StatusCode::NO_CONTENT))
        .get("/same", nothing(StatusCode::NOT_MODIFIED))
        .delete("/text", || async { "gone" });
    let site = site(part(), routes);
    let ask = async |method, path: &str| site.answer(request(method, path)).await;
    assert_eq!(said(ask(Method::HEAD, "/text").await).await, (200, Some("4".to_owned()), String::new()));
    for (path, status) in [("/none", 204), ("/same", 304)] {
        assert_eq!(said(ask(Method::HEAD, path).await).await, (status, None, String::new()), "RFC 9110 §8.6");
    }
    let (status, length, body) = said(ask(Method::HEAD, "/nowhere").await).await;
    assert!(status == 404 && length.is_some_and(|length| length != "0") && body.is_empty());
    let put = ask(Method::PUT, "/text").await;
    assert_eq!((put.status().as_u16(), &put.headers()["allow"]), (405, &HeaderValue::from_static("GET,HEAD,POST,DELETE")));
    let options = ask(Method::OPTIONS, "/text").await;
    assert_eq!((options.status().as_u16(), &options.headers()["allow"]), (204, &HeaderValue::from_static("GET,HEAD,POST,DELETE")));
    assert_eq!(said(options).await.2, "");
}

#[test]
#[should_panic(expected = "/text: GET twice")]
fn an_address_has_each_method_once() {
    site(part(), Routes::new().get("/text", || async { "one" }).get("/text", || async { "other" }));
}

#[tokio::test]
async fn a_verb_whose_caller_has_gone_is_finished_waited_for_and_counted() {
    let second = Duration::from_secs(1);
    let rate = Rate { every: 3_600 * second, burst: 1 };
    let limits = Some(Arc::new(RateLimits::new(rate, rate, Arc::new(SystemClock::new()))));
    let part = Part { limits, ..part() };
    let done = Arc::new(AtomicBool::new(false));
    let verb = {
        let done = done.clone();
        async move || {
            sleep(second / 20).await;
            done.store(true, Ordering::SeqCst);
            Err::<(), _>(Refused::from(Code::ClientNotAuthenticated))
        }
    };
    let let_go = part.let_go.clone();
    let site = site(part, Routes::new().post("/wrong", verb));
    assert!(timeout(second / 100, site.answer(request(Method::POST, "/wrong"))).await.is_err(), "the caller hangs up");
    let_go.close();
    let_go.wait().await;
    assert!(done.load(Ordering::SeqCst), "a stop waits for what was let go");
    assert_eq!(site.answer(request(Method::POST, "/wrong")).await.status(), 429, "to hang up hides no failure");
}
