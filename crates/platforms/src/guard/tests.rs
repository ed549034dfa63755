//! What a customer's URL may not be, in all its disguises.

use std::collections::VecDeque;
use std::sync::Mutex;

use rstest::rstest;
use tokio::net::TcpListener;

use super::*;
use crate::http::Http;

fn guard(allowed: &str) -> Guard {
    let ports = "80, 443, 1024-65535".parse().unwrap();
    Guard::new(allowed.parse().unwrap(), ports, Schemes::Both)
}

/// Answers each question for a name with the next list of addresses.
fn guard_with(allowed: &str, answers: &[&[&str]]) -> Guard {
    let answers: VecDeque<Vec<IpAddr>> = answers
        .iter()
        .map(|addresses| addresses.iter().map(|address| address.parse().unwrap()).collect())
        .collect();
    let answers = Mutex::new(answers);
    let lookup: Lookup = Box::new(move |_| {
        let next = answers.lock().unwrap().pop_front();
        let next = next.ok_or_else(|| io::Error::other("asked more often than expected"));
        futures_util::future::ready(next).boxed()
    });
    Guard::with_lookup(allowed.parse().unwrap(), "1-65535".parse().unwrap(), Schemes::Both, lookup)
}

#[rstest]
// Loopback, in every way of writing it.
#[case("http://127.0.0.1/")]
#[case("http://127.0.0.1:8080/admin")]
#[case("http://127.1/")]
#[case("http://127.0.1/")]
#[case("http://127.255.255.254/")]
#[case("http://2130706433/")]
#[case("http://0x7f000001/")]
#[case("http://0x7f.0.0.1/")]
#[case("http://0x7f.1/")]
#[case("http://0177.0.0.1/")]
#[case("http://0177.0.0.01/")]
#[case("http://017700000001/")]
#[case("http://127.0.0.1./")]
#[case("http://%31%32%37.0.0.1/")]
#[case("http://127%2e0%2e0%2e1/")]
#[case("http://127。0。0。1/")]
#[case("http://①②⑦.⓪.⓪.①/")]
#[case("http://１２７.0.0.1/")]
#[case("http:127.0.0.1/")]
#[case("http:\\\\127.0.0.1\\")]
#[case("  http://127.0.0.1/")]
#[case("http://127.0.\t0.1/")]
#[case("HTTP://127.0.0.1/")]
#[case("http://[::1]/")]
#[case("http://[0:0:0:0:0:0:0:1]/")]
#[case("http://[0000::0001]/")]
// This machine, and everybody.
#[case("http://0.0.0.0/")]
#[case("http://0/")]
#[case("http://0x0/")]
#[case("http://0.1.2.3/")]
#[case("http://[::]/")]
#[case("http://255.255.255.255/")]
#[case("http://4294967295/")]
#[case("http://240.0.0.1/")]
#[case("http://224.0.0.1/")]
#[case("http://[ff02::1]/")]
// Private networks.
#[case("http://10.0.0.1/")]
#[case("http://10.1/")]
#[case("http://167772161/")]
#[case("http://172.16.0.1/")]
#[case("http://172.31.255.255/")]
#[case("http://192.168.0.1/")]
#[case("http://192.168.257/")]
#[case("http://0xc0a80001/")]
#[case("http://100.64.0.1/")]
#[case("http://100.127.255.255/")]
#[case("http://198.18.0.1/")]
#[case("http://198.19.255.255/")]
#[case("http://192.0.0.1/")]
#[case("http://192.0.0.192/")]
#[case("http://192.0.2.1/")]
#[case("http://198.51.100.1/")]
#[case("http://203.0.113.1/")]
#[case("http://192.88.99.1/")]
#[case("http://[fc00::1]/")]
#[case("http://[fd12:3456:789a::1]/")]
#[case("http://[fec0::1]/")]
#[case("http://[2001:db8::1]/")]
#[case("http://[3fff::1]/")]
#[case("http://[2001:10::1]/")]
#[case("http://[5f00::1]/")]
#[case("http://[100::1]/")]
// The metadata of clouds.
#[case("http://169.254.169.254/latest/meta-data/")]
#[case("http://169.254.170.2/")]
#[case("http://2852039166/")]
#[case("http://0xa9fea9fe/")]
#[case("http://0251.0376.0251.0376/")]
#[case("http://169.254.43518/")]
#[case("http://[fe80::a9fe:a9fe]/")]
#[case("http://[fd00:ec2::254]/")]
#[case("http://100.100.100.200/")]
#[case("http://168.63.129.16/")]
// IPv4 inside IPv6.
#[case("http://[::ffff:127.0.0.1]/")]
#[case("http://[::ffff:7f00:1]/")]
#[case("http://[0:0:0:0:0:ffff:10.0.0.1]/")]
#[case("http://[::ffff:8.8.8.8]/")]
#[case("http://[::127.0.0.1]/")]
#[case("http://[::7f00:1]/")]
#[case("http://[64:ff9b::7f00:1]/")]
#[case("http://[64:ff9b::169.254.169.254]/")]
#[case("http://[64:ff9b:1::a00:1]/")]
#[case("http://[2002:7f00:1::]/")]
#[case("http://[2002:a9fe:a9fe::1]/")]
#[case("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/")]
// Other schemes, ports and disguises.
#[case("file:///etc/passwd")]
#[case("ftp://example.com/")]
#[case("gopher://127.0.0.1:6379/_FLUSHALL")]
#[case("dict://127.0.0.1:11211/stats")]
#[case("unix:/run/docker.sock")]
#[case("data:text/plain,hello")]
#[case("javascript:alert(1)")]
#[case("ws://example.com/")]
#[case("http://example.com:22/")]
#[case("http://example.com:25/")]
#[case("http://example.com:0/")]
#[case("http://user@example.com/")]
#[case("http://user:secret@example.com/")]
#[case("http://example.com@127.0.0.1/")]
#[case("http://example.com%40127.0.0.1/")]
#[case("http://127.0.0.1#@example.com/")]
#[case("http://127.0.0.1?@example.com/")]
#[case("http://127.0.0.1\\@example.com/")]
#[case("http:///127.0.0.1/")]
#[case("http://[::1%25lo]/")]
#[case("http://256.0.0.1/")]
fn a_hostile_url_is_not_followed(#[case] text: &str) {
    let verdict = text.parse::<Url>().map(|url| guard("").check(&url));
    // What is no URL at all never comes as far as the guard.
    assert!(!matches!(verdict, Ok(Ok(()))), "{text} is followed");
}

#[rstest]
#[case("https://example.com/hook")]
#[case("http://example.com/")]
#[case("https://example.com:8443/")]
#[case("https://EXAMPLE.com./")]
#[case("https://bücher.example/")]
#[case("https://8.8.8.8/")]
#[case("https://172.15.255.255/")]
#[case("https://172.32.0.1/")]
#[case("https://100.63.255.255/")]
#[case("https://192.0.1.1/")]
#[case("https://[2606:4700:4700::1111]/")]
#[case("https://[2a00:1450:4001:82b::200e]/")]
fn an_ordinary_url_is_followed(#[case] text: &str) {
    assert_eq!(guard("").check(&text.parse().unwrap()), Ok(()), "{text}");
}

#[test]
fn the_operator_opens_ranges_addresses_and_names() {
    let check = |allowed: &str, text: &str| guard(allowed).check(&text.parse().unwrap()).is_ok();
    assert!(check("10.1.0.0/16", "http://10.1.2.3/"));
    assert!(!check("10.1.0.0/16", "http://10.2.0.1/"));
    assert!(check("127.0.0.1, ::1", "http://[::1]:9000/"));
    assert!(!check("127.0.0.1, ::1", "http://127.0.0.2/"));
    // What is opened as IPv4 is not opened as its disguise.
    assert!(!check("127.0.0.0/8", "http://[::ffff:127.0.0.1]/"));
    assert!("10.0.0.0/33".parse::<Allowed>().is_err());
    assert!("a name".parse::<Allowed>().is_err());
    assert_eq!("".parse::<Allowed>(), Ok(Allowed::default()));
}

#[test]
fn schemes_and_ports_are_the_operators_choice() {
    let strict = Guard::new(Allowed::default(), "443".parse().unwrap(), Schemes::Https);
    let refusal = |text: &str| strict.check(&text.parse().unwrap()).unwrap_err();
    assert_eq!(refusal("http://example.com/").to_string(), "must be an https URL");
    assert_eq!(refusal("https://example.com:8443/"), Refusal::Port(8443));
    assert_eq!("https".parse(), Ok(Schemes::Https));
    assert_eq!("http,https".parse(), Ok(Schemes::Both));
    assert!("http".parse::<Schemes>().is_err());
    for wrong in ["", "0-", "99999", "9-1", "a"] {
        assert!(wrong.parse::<Ports>().is_err(), "{wrong}");
    }
}

#[rstest]
#[case(&["127.0.0.1"])]
#[case(&["10.0.0.7", "192.168.1.1"])]
#[case(&["169.254.169.254"])]
#[case(&["::1"])]
#[case(&["::ffff:10.0.0.1"])]
#[case(&["64:ff9b::a00:1"])]
#[case(&["fd00::1", "fe80::1"])]
#[tokio::test]
async fn a_name_that_leads_inside_is_refused(#[case] addresses: &[&str]) {
    let error = guard_with("", &[addresses]).addresses("inside.example").await.unwrap_err();
    assert!(error.is::<Refusal>(), "{error}");
}

#[tokio::test]
async fn of_a_name_with_both_only_what_is_public_is_left() {
    let guard = guard_with("", &[&["10.0.0.1", "93.184.215.14", "::1"]]);
    let left = guard.addresses("both.example").await.unwrap();
    assert_eq!(left, ["93.184.215.14".parse::<IpAddr>().unwrap()]);
}

#[tokio::test]
async fn a_name_that_is_opened_may_lead_anywhere() {
    let guard = guard_with("App.internal", &[&["10.0.0.1"], &["10.0.0.1"]]);
    assert!(guard.addresses("app.internal.").await.is_ok());
    assert!(guard.addresses("app.internal.example").await.is_err());
}

/// Rebinding: a name leads to a good address while it is looked at, and inside when it is called.
#[tokio::test]
async fn a_name_is_asked_for_once_and_called_where_it_was_looked_at() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = axum::Router::new().fallback(async || {
        // Each call is to need a connection of its own.
        [("connection", "close")]
    });
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    let _serving = tokio::spawn(axum::serve(listener, server).into_future());
    let guard = guard_with("127.0.0.1", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let http = Http::guarded(guard);
    let url: Url = format!("http://rebinding.example:{port}/").parse().unwrap();

    let first = http.probe(http.get(url.clone()), 100).await;
    assert_eq!(first.unwrap().status, 200, "the one question was answered with a good address");

    let second = http.probe(http.get(url.clone()), 100).await.unwrap_err();
    assert_eq!(
        second,
        "the URL leads to 127.0.0.2, a loopback address; the setting outbound.allow can open it"
    );
    let third = http.probe(http.get(url), 100).await.unwrap_err();
    assert_eq!(third, "asked more often than expected");
}

#[tokio::test]
async fn an_address_needs_no_name_to_be_refused() {
    let http = Http::guarded(guard(""));
    let url: Url = "http://0x7f.1:8080/".parse().unwrap();
    let refused = http.probe(http.get(url.clone()), 100).await.unwrap_err();
    assert!(refused.starts_with("the URL leads to 127.0.0.1"), "{refused}");
    let no_reply = http.send(http.get(url)).await.unwrap_err();
    assert_eq!(no_reply, crate::http::NoReply::NotSent);
}
