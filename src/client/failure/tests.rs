use super::*;

#[test]
fn long_lists_are_repeated_whole_and_only_longer_ones_are_cut_between_words() {
    let list = "`größe`, ".repeat(700);
    assert_eq!(cut(&list), list);
    let shown = cut(&"`größe` ".repeat(1000));
    assert!(shown.len() < REPEATED_BYTES_MAX + 60, "{}", shown.len());
    let (kept, more) = shown.split_once(" … (cut here: ").unwrap();
    let more: usize = more.trim_end_matches(" characters more)").parse().unwrap();
    assert!(kept.ends_with("`größe`"), "{kept}");
    assert_eq!(kept.chars().count() + more, 8000);
    assert!(cut(&"é".repeat(9000)).contains("cut here"));
    assert_eq!(cut("a\nb"), "a b");
}

const BASE: &str = "https://app.example/api/backfill";

fn answer(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

#[test]
fn every_code_has_a_kind_and_says_what_to_do() {
    let table = [
        ("unauthorized", 401, Kind::Remote, false, "BACKFILL_TOKEN"),
        ("address_denied", 403, Kind::Remote, false, "allow_ips"),
        ("table_excluded", 403, Kind::Usage, false, "--dry-run"),
        ("table_unknown", 404, Kind::Usage, false, "--dry-run"),
        ("not_found", 404, Kind::Remote, false, "route_prefix"),
        ("run_gone", 410, Kind::Remote, false, "start again"),
        ("protocol_mismatch", 426, Kind::Remote, false, "same version"),
        ("config_invalid", 500, Kind::Remote, false, "configuration"),
        ("internal", 500, Kind::Remote, false, "log"),
        ("source_unavailable", 503, Kind::Remote, true, "database"),
        ("too_many_runs", 503, Kind::Busy, true, "try again in 7 seconds"),
        ("invented_later", 418, Kind::Remote, false, "same version"),
    ];
    for (code, status, kind, retryable, hint) in table {
        let body = format!(r#"{{"error":"no\u001b[2J","code":"{code}","request_id":"r1"}}"#);
        let head = Answer { retry_after: Some("7".into()), ..answer(status) };
        let error = refused(&head, body.as_bytes(), BASE);
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.is_retryable(), retryable, "{code}");
        assert!(error.hint_text().unwrap().contains(hint), "{code}: {:?}", error.hint_text());
        assert!(error.what().contains(code) && error.what().contains("request r1"), "{error}");
        assert!(!error.what().contains('\u{1b}'), "{error}");
    }
}

#[test]
fn an_old_proxy_is_told_from_an_old_server() {
    let body = br#"{"error":"only HTTP/1.1","code":"bad_request","request_id":"r"}"#;
    let hint = |status| refused(&answer(status), body, BASE).hint_text().map(str::to_owned).unwrap();
    assert!(hint(505).contains("proxy_http_version"));
    assert!(hint(400).contains("same version"));
}

#[test]
fn statuses_without_a_body_of_ours_are_explained() {
    let table = [
        (401, Kind::Remote, false, "BACKFILL_TOKEN"),
        (403, Kind::Remote, false, "firewall"),
        (404, Kind::Remote, false, "route_prefix"),
        (413, Kind::Remote, false, "limits"),
        (426, Kind::Remote, false, "same version"),
        (429, Kind::Busy, true, "later"),
        (502, Kind::Remote, true, "backfill serve"),
        (503, Kind::Busy, true, "later"),
        (500, Kind::Remote, true, "log"),
    ];
    for (status, kind, retryable, hint) in table {
        let error = refused(&answer(status), b"<html>sorry</html>", BASE);
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status}");
        assert!(error.hint_text().unwrap().contains(hint), "{status}: {:?}", error.hint_text());
    }
}

#[test]
fn a_redirect_names_where_it_leads() {
    let head = Answer { location: Some("https://www.app.example/login".into()), ..answer(302) };
    let error = refused(&head, b"", BASE);
    assert!(error.what().contains("https://www.app.example/login"), "{error}");
    assert!(error.hint_text().unwrap().contains("source_url"));
}

#[test]
fn only_a_gone_run_counts_as_gone() {
    let body = br#"{"error":"x","code":"run_gone","request_id":"r"}"#;
    assert!(is_gone(&refused(&answer(410), body, BASE)));
    assert!(is_gone(&refused(&answer(410), b"", BASE)));
    assert!(!is_gone(&refused(&answer(404), b"", BASE)));
}

#[test]
fn the_side_that_is_behind_is_named() {
    let newer = expect_protocol(&Answer { protocol: Some("2".into()), ..answer(200) }, BASE).unwrap_err();
    assert_eq!(newer.hint_text(), Some("update backfill on this machine"));
    let older = same_protocol(0, BASE).unwrap_err();
    assert_eq!(older.hint_text(), Some("update backfill on the server"));
    assert!(expect_protocol(&answer(200), BASE).is_ok());
    assert!(expect_protocol(&Answer { protocol: Some("1".into()), ..answer(200) }, BASE).is_ok());
    assert!(expect_protocol(&Answer { protocol: Some("x".into()), ..answer(200) }, BASE).is_err());
}

#[test]
fn html_where_json_was_asked_for_is_named() {
    let html = Answer { content_type: Some("text/html; charset=utf-8".into()), ..answer(200) };
    let error = expect_type(&html, "application/json", BASE).unwrap_err();
    assert!(error.what().contains("text/html"), "{error}");
    let json = Answer { content_type: Some("Application/JSON;charset=utf-8".into()), ..answer(200) };
    assert!(expect_type(&json, "application/json", BASE).is_ok());
    assert!(expect_type(&answer(200), "application/json", BASE).is_err());
}
