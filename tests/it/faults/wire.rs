//! The wire between client and server: each request of a pull, at each of its places, cut, stalled, damaged or
//! answered by something else, once and for ever.

use super::{Ground, Side, attempt, expect_none};
use crate::cli_common::pull;
use crate::extent::share;
use crate::harness::{Add, FLAVOURS, Servers, Site, short};
use crate::proxy::{Ask, Fault, FaultyServer, Harm, Place, Times};
use backfill::schema::Flavour;
use std::sync::Mutex;

/// How many sites try cases at the same time: most of the time is the client's pauses.
const WORKERS: usize = 4;

/// How a pull ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// Well, with the new data.
    Well,
    /// With this exit code and the old data; the error has one of these words.
    Badly(i32, &'static str),
}
use Ends::{Badly, Well};

/// A fault that every request of its kind meets, how the pull ends then, and whether it is cured by asking again when
/// only the first one meets it.
#[derive(Debug)]
struct Case {
    ask: Ask,
    place: Place,
    harm: Harm,
    always: Ends,
    cured: bool,
}

const HTML: &str = "text/html";
const PAGE_502: Harm = Harm::Answer("502 Bad Gateway", HTML, "<html>bad gateway</html>");
const PAGE_503: Harm = Harm::Answer("503 Service Unavailable", HTML, "<html>later</html>");
const PAGE_200: Harm = Harm::Answer("200 OK", HTML, "<html>please log in</html>");
const DUMP: Ask = Ask::Dump("parents");

fn cases() -> Vec<Case> {
    let for_good = |ask, place, harm, always| Case { ask, place, harm, always, cured: false };
    let again = |ask, place, harm, always| Case { ask, place, harm, always, cured: true };
    let (broke, late) = (Badly(9, "broke"), Badly(9, "in time"));
    let (short, damaged) = (Badly(10, "without an end frame"), Badly(10, "`parents`"));
    vec![
        for_good(Ask::Manifest, Place::Start, Harm::Cut, broke),
        for_good(Ask::Manifest, Place::Head, Harm::Cut, broke),
        for_good(Ask::Manifest, Place::Middle, Harm::Cut, broke),
        for_good(Ask::Manifest, Place::Start, Harm::Stall, late),
        for_good(Ask::Manifest, Place::Middle, Harm::Stall, late),
        for_good(Ask::Manifest, Place::Middle, Harm::Shorten, Badly(9, "cut short")),
        for_good(Ask::Manifest, Place::Body, Harm::Flip, Badly(9, "not JSON")),
        for_good(Ask::Manifest, Place::Start, Harm::Garbage, Badly(9, "HTTP")),
        for_good(Ask::Manifest, Place::Start, PAGE_200, Badly(9, "text/html")),
        for_good(Ask::Manifest, Place::Start, PAGE_502, Badly(9, "502")),
        for_good(Ask::Manifest, Place::Start, PAGE_503, Badly(11, "503")),
        for_good(Ask::Begin, Place::Start, Harm::Cut, broke),
        for_good(Ask::Begin, Place::Middle, Harm::Cut, broke),
        for_good(Ask::Begin, Place::Start, Harm::Stall, late),
        for_good(Ask::Begin, Place::Start, PAGE_502, Badly(9, "502")),
        for_good(Ask::Begin, Place::Start, PAGE_503, Badly(11, "503")),
        again(Ask::Status, Place::Start, Harm::Cut, broke),
        again(Ask::Status, Place::Middle, Harm::Cut, broke),
        again(Ask::Status, Place::Middle, Harm::Stall, late),
        again(Ask::Status, Place::Start, PAGE_502, Badly(9, "502")),
        for_good(Ask::Status, Place::Start, PAGE_200, Badly(9, "text/html")),
        again(DUMP, Place::Start, Harm::Cut, broke),
        again(DUMP, Place::Head, Harm::Cut, broke),
        again(DUMP, Place::Header(1), Harm::Cut, short),
        again(DUMP, Place::Data(1), Harm::Cut, short),
        again(DUMP, Place::After(1), Harm::Cut, short),
        again(DUMP, Place::BeforeEnd, Harm::Cut, short),
        again(DUMP, Place::After(1), Harm::Shorten, short),
        again(DUMP, Place::BeforeEnd, Harm::Shorten, short),
        again(DUMP, Place::InEnd, Harm::Shorten, short),
        again(DUMP, Place::Data(2), Harm::Stall, late),
        again(DUMP, Place::BeforeEnd, Harm::Stall, late),
        again(DUMP, Place::Header(2), Harm::Flip, damaged),
        again(DUMP, Place::Data(2), Harm::Flip, damaged),
        again(DUMP, Place::InEnd, Harm::Flip, damaged),
        again(DUMP, Place::After(1), Harm::Garbage, damaged),
        again(DUMP, Place::Start, PAGE_502, Badly(9, "502")),
        for_good(DUMP, Place::Start, PAGE_200, Badly(9, "text/html")),
        // The data is in place by then; the server ends the run by itself.
        for_good(Ask::End, Place::Start, Harm::Cut, Well),
        for_good(Ask::End, Place::Start, Harm::Stall, Well),
        for_good(Ask::End, Place::Start, PAGE_502, Well),
    ]
}

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("faults::wire::{}", short(flavour)),
            Box::new(move |servers| every_case(servers, flavour)),
        );
    }
}

fn every_case(servers: &Servers, flavour: Flavour) {
    let cases = Mutex::new(share(flavour, cases()));
    let next = || cases.lock().unwrap().pop();
    let failed = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut ground = Ground::new(Site::new(servers, flavour, flavour));
                while let Some(case) = next() {
                    attempt(&failed, &format!("{case:?}"), || meet(&mut ground, &case));
                }
            });
        }
    });
    expect_none(failed);
}

/// A pull that meets the fault ends as it should, with the old data or the new; the next one succeeds, also if its
/// first request meets the fault and that can be cured.
fn meet(ground: &mut Ground<'_>, case: &Case) {
    let what = format!("{case:?}");
    let before = ground.before();
    let through = |times| {
        let fault = Fault { ask: case.ask, place: case.place, harm: case.harm, times };
        let proxy = FaultyServer::start(&ground.serve.url, fault);
        let out = pull(&ground.site, &proxy.url, &["--yes"]);
        assert!(proxy.met() > 0, "{what}: never met:\n{}", out.all());
        out
    };
    let out = through(Times::Always);
    match case.always {
        Well => {
            out.good(&what);
            return before.expect_whole(&ground.site, Side::New, &what);
        }
        Badly(code, word) => out.refused(&what, code, &[word]),
    };
    before.expect_whole(&ground.site, Side::Old, &what);
    if case.cured {
        through(Times::Once).good(&what);
        before.expect_whole(&ground.site, Side::New, &what);
    } else {
        ground.next_pull(&before, &what);
    }
}
