//! `jsonp`: scripts that call a function of the client, and forms.

use super::client::Session;
use super::fixed::{is_not_cached, is_refused};
use super::start;

const FORM: &str = "\nContent-Type: application/x-www-form-urlencoded";

#[test]
fn a_jsonp_session_opens_sends_and_receives() {
    let server = start();
    let session = Session::new(&server, "/echo");
    let answer = session.ask("GET", "jsonp?c=%63allback", "", "");
    is_refused(&answer, 200, "/**/callback(\"o\");\r\n");
    assert_eq!(
        answer.header("content-type"),
        Some("application/javascript; charset=UTF-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    is_not_cached(&answer);
    let send = |headers: &str, body: &str| session.ask("POST", "jsonp_send", headers, body);
    let answer = send(FORM, "d=%5B%22x%22%5D");
    is_refused(&answer, 200, "ok");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    is_not_cached(&answer);
    let receive = || session.ask("GET", "jsonp?callback=a.b_c-9", "", "").text();
    assert_eq!(receive(), "/**/a.b_c-9(\"a[\\\"x\\\"]\");\r\n");
    is_refused(&send(FORM, "d=%5B%22x"), 500, "Broken JSON encoding.");
    for body in ["", "d=", "p=p", "d", "D=[]", "d=[]&d=[]"] {
        is_refused(&send(FORM, body), 500, "Payload expected.");
    }
    is_refused(&send(FORM, "d=%5B%5D"), 200, "ok");
    is_refused(&send(FORM, "x=y&d=%5B%22abc+%2B%22%5D&z"), 200, "ok");
    is_refused(
        &send("\nContent-Type: text/plain", "[\"%61bc</script>\"]"),
        200,
        "ok",
    );
    is_refused(&send(&FORM.to_uppercase(), "d=[\"u\"]"), 200, "ok");
    is_refused(
        &send(&format!("{FORM}; charset=UTF-8"), "d=[\"\\u4e00\"]"),
        200,
        "ok",
    );
    assert_eq!(
        receive(),
        "/**/a.b_c-9(\"a[\\\"abc +\\\",\\\"%61bc\\u003c/script>\\\",\\\"u\\\",\\\"一\\\"]\");\r\n"
    );
}

#[test]
fn a_callback_is_a_name_and_nothing_more() {
    let server = start();
    let session = Session::new(&server, "/echo");
    let longest = "f".repeat(32);
    for last in ["jsonp", "htmlfile"] {
        let ask = |query: &str| session.ask("GET", &format!("{last}{query}"), "", "");
        for query in ["", "?c=", "?callback=", "?x=f", "?c"] {
            is_refused(&ask(query), 500, "\"callback\" parameter required");
        }
        for callback in [
            "%20",
            "*",
            "abc(",
            "abc%28",
            // CVE-2020-8823.
            "%3Cscript%3Ealert(1)%3C/script%3E",
            "f;alert(1)",
            "f%0d%0a",
            "%C3%A9",
            "%ff",
            "f%00",
            "f%",
            &format!("{longest}f"),
        ] {
            for name in ["c", "callback"] {
                let answer = ask(&format!("?{name}={callback}"));
                is_refused(&answer, 500, "invalid \"callback\" parameter");
                assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
            }
        }
    }
    // None of them was a session.
    assert_eq!(session.post("[]").status, 404);
    let answer = session.ask("GET", &format!("jsonp?c={longest}"), "", "");
    assert_eq!(answer.text(), format!("/**/{longest}(\"o\");\r\n"));
}
