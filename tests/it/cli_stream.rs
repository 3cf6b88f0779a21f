//! A dump stream that is damaged, cut, replaced or hostile: the pull notices, says so, and the target is as it was;
//! what can be cured by asking again is.

use crate::cli_common::{client, expect_equal, expect_tidy, leftovers, picture, pull, ready};
use crate::cli_proxy::{Answer, Proxy, Request, Response};
use crate::harness::{Add, FLAVOURS, Serve, Site, short};
use backfill::wire::api::Code;
use backfill::wire::frame::{FrameId, Packer, Removes, Totals, abort_frame};
use std::sync::{Arc, Mutex};

/// How many sites try cases at the same time.
const WORKERS: usize = 4;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        for (group, cases) in [
            ("damage", damage as fn() -> Vec<Case>),
            ("hostile", hostile),
            ("hostile_removals", hostile_removals),
            ("status", status),
        ] {
            add(
                format!("cli_stream::{group}::{}", short(flavour)),
                Box::new(move |servers| {
                    // Most of the time is the client's pauses, so several sites share it.
                    let cases = Mutex::new(cases());
                    std::thread::scope(|scope| {
                        for _ in 0..WORKERS {
                            scope.spawn(|| {
                                let site = Site::new(servers, flavour, flavour);
                                site.configure_client("timeout = 2", "");
                                let (site, serve) = ready(site);
                                all_fail(&site, &serve, &cases);
                                next_pull_works(&site, &serve);
                            });
                        }
                    });
                }),
            );
        }
        add(
            format!("cli_stream::cured_by_asking_again::{}", short(flavour)),
            Box::new(move |servers| {
                let site = Site::new(servers, flavour, flavour);
                site.configure_client("timeout = 2", "");
                let (site, serve) = ready(site);
                cured(&site, &serve);
            }),
        );
        add(
            format!("cli_stream::every_byte_counts::{}", short(flavour)),
            Box::new(move |servers| {
                let site = Site::new(servers, flavour, flavour);
                site.configure_client("timeout = 1", "");
                let (site, serve) = ready(site);
                every_byte_counts(&site, &serve);
            }),
        );
    }
}

type Change = Box<dyn Fn(&Request, Response) -> Answer + Send + Sync>;

/// What is done to every dump of `parents`, and how the pull must end.
struct Case {
    what: &'static str,
    codes: &'static [i32],
    words: &'static [&'static str],
    change: Change,
}

fn case(
    what: &'static str,
    codes: &'static [i32],
    words: &'static [&'static str],
    change: impl Fn(&Request, Response) -> Answer + Send + Sync + 'static,
) -> Case {
    Case { what, codes, words, change: Box::new(change) }
}

fn body(mut response: Response, change: impl FnOnce(&mut Vec<u8>)) -> Answer {
    change(&mut response.body);
    Answer::Whole(response)
}

fn damage() -> Vec<Case> {
    vec![
        case("the connection ends in the middle", &[9, 10], &["`parents`"], |_, mut response| {
            let half = response.body.len() / 2;
            response.body.truncate(half);
            Answer::Short(response, half)
        }),
        case("a whole answer that is too short", &[10], &["`parents`"], |_, response| {
            body(response, |bytes| bytes.truncate(bytes.len() / 2))
        }),
        case("one bit in the middle", &[10], &["`parents`"], |_, response| {
            body(response, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            })
        }),
        case("without its end frame", &[10], &["`parents`"], |request, response| {
            body(response, |bytes| *bytes = stream(request, &[(1, ROW)], false))
        }),
        case("nothing at all", &[10], &["`parents`"], |_, response| body(response, Vec::clear)),
        case("more after the end", &[10], &["`parents`"], |_, response| {
            body(response, |bytes| {
                let again = bytes.clone();
                bytes.extend(again);
            })
        }),
        case("an abort frame", &[9], &["the disk is full", "req-77"], |request, response| {
            body(response, |bytes| {
                *bytes = Packer::new(1).unwrap().session("parents", request.chunk()).unwrap().bytes;
                bytes.extend(abort_frame(Code::Internal, "the disk is full", "req-77").unwrap());
            })
        }),
        case("it stands still", &[9], &["in time"], |_, mut response| {
            response.body.truncate(100);
            Answer::Stall(response)
        }),
        case("the connection is closed", &[9], &["hint:"], |_, _| Answer::Close),
    ]
}

fn status() -> Vec<Case> {
    let says = |what, codes, words, status: &'static str, kind: &'static str, text: &'static str| {
        case(what, codes, words, move |_, mut response| {
            response.status = status.to_owned();
            response.headers.retain(|line| !line.to_lowercase().starts_with("content-type"));
            response.headers.push(format!("Content-Type: {kind}"));
            response.body = text.as_bytes().to_vec();
            Answer::Whole(response)
        })
    };
    let (json, html) = ("application/json", "text/html");
    vec![
        says(
            "500",
            &[9],
            &["it broke", "r-500"],
            "500 Internal Server Error",
            json,
            r#"{"error":"it broke","code":"internal","request_id":"r-500"}"#,
        ),
        says(
            "503",
            &[9],
            &["r-503"],
            "503 Service Unavailable",
            json,
            r#"{"error":"no database","code":"source_unavailable","request_id":"r-503"}"#,
        ),
        says("503 of a proxy", &[9, 11], &["503"], "503 Service Unavailable", html, "<html>later</html>"),
        says("502 of a proxy", &[9], &["502", "hint:"], "502 Bad Gateway", html, "<html>bad gateway</html>"),
        says(
            "410",
            &[9],
            &["r-410", "hint:"],
            "410 Gone",
            json,
            r#"{"error":"no such run","code":"run_gone","request_id":"r-410"}"#,
        ),
        says("a page with 200", &[9], &["text/html", "hint:"], "200 OK", html, "<html>please log in</html>"),
        says("empty with 204", &[9, 10], &[], "204 No Content", "application/zstd", ""),
    ]
}

const HEAD: &str =
    "INSERT INTO `parents` (`id`, `name`, `email`, `note`, `created_at`, `updated_at`) VALUES\n";
const ROW: &str = "INSERT INTO `parents` (`id`, `name`, `email`, `note`, `created_at`, `updated_at`) VALUES\n(1,'a','b',NULL,NULL,NULL);\n";

/// A stream that is right in every way but for what its batches say.
fn stream(request: &Request, batches: &[(u64, &str)], ends: bool) -> Vec<u8> {
    let table = request.table().unwrap();
    let mut packer = Packer::new(1).unwrap();
    let mut frames = vec![packer.session(&table, request.chunk()).unwrap()];
    for (at, (rows, sql)) in batches.iter().enumerate() {
        let id = FrameId { table: &table, chunk: request.chunk(), seq: u32::try_from(at).unwrap() + 1 };
        frames.push(packer.batch(id, *rows, sql.as_bytes()).unwrap());
    }
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    for frame in frames {
        totals.add(frame.rows, &frame.digest);
        bytes.extend(frame.bytes);
    }
    if ends {
        bytes.extend(totals.end().unwrap());
    }
    bytes
}

/// A chunk that takes rows back, or something worse.
fn removal(request: &Request, columns: &[&str], sql: &str) -> Vec<u8> {
    let table = request.table().unwrap();
    let mut packer = Packer::new(1).unwrap();
    let removes = Removes { columns: columns.iter().map(ToString::to_string).collect(), rows: 1 };
    let id = FrameId { table: &table, chunk: request.chunk(), seq: 1 };
    let frames = [
        packer.session(&table, request.chunk()).unwrap(),
        packer.removal(id, &removes, sql.as_bytes()).unwrap(),
    ];
    let mut totals = Totals::new();
    let mut bytes = Vec::new();
    for frame in frames {
        totals.add(frame.rows, &frame.digest);
        bytes.extend(frame.bytes);
    }
    bytes.extend(totals.end().unwrap());
    bytes
}

/// Removals of what nobody sent, or that are no removals.
fn hostile_removals() -> Vec<Case> {
    let says = |what: &'static str, columns: &'static [&'static str], sql: &'static str| {
        case(what, &[10], &["`parents`"], move |request, response| {
            body(response, |bytes| *bytes = removal(request, columns, sql))
        })
    };
    vec![
        says("rows that never came", &["id"], "DELETE FROM `parents` WHERE (`id`) IN (\n(1));\n"),
        says("removal of everything", &["id"], "DELETE FROM `parents`;\n"),
        says("removal from another table", &["id"], "DELETE FROM `tags` WHERE (`id`) IN (\n(1));\n"),
        says("removal by an expression", &["id"], "DELETE FROM `parents` WHERE (`id`) IN (\n(1) OR 1);\n"),
        says("removal by a query", &["id"], "DELETE FROM `parents` WHERE (`id`) IN (\n(SELECT 1));\n"),
        says(
            "removal and more",
            &["id"],
            "DELETE FROM `parents` WHERE (`id`) IN (\n(1));\nDROP TABLE tags;\n",
        ),
        says("removal by no column", &["x"], "DELETE FROM `parents` WHERE (`x`) IN (\n(1));\n"),
        says(
            "removal by a column twice",
            &["id", "id"],
            "DELETE FROM `parents` WHERE (`id`,`id`) IN (\n(1,1));\n",
        ),
        says("removal that adds", &["id"], ROW),
    ]
}

/// Streams whose every digest is right and whose statements are not what was asked for.
fn hostile() -> Vec<Case> {
    let says = |what: &'static str, rows: u64, sql: String| {
        case(what, &[10], &["`parents`"], move |request, response| {
            body(response, |bytes| *bytes = stream(request, &[(rows, &sql)], true))
        })
    };
    let with = |values: &str| format!("{HEAD}{values};\n");
    // More than any packet limit; made once, for it takes a while.
    let blanks = format!("{HEAD}{}", " ".repeat(100 << 20));
    let first = Request { path: "/dump/parents?chunk=0".into(), dump: None };
    let bomb = stream(&first, &[(1, &blanks)], true);
    vec![
        says("DROP TABLE", 1, "DROP TABLE `parents`;\n".into()),
        says("another table", 1, "INSERT INTO `tags` (`name`, `weight`) VALUES\n('x',1);\n".into()),
        says("another schema", 1, ROW.replace("`parents`", "`mysql`.`user`")),
        says("a second statement", 1, format!("{ROW}DROP TABLE tags;\n")),
        says("a second statement behind the first", 1, with("(1,'a','b',NULL,NULL,NULL); DROP TABLE tags")),
        says("a function", 1, with("(1,SLEEP(1),'b',NULL,NULL,NULL)")),
        says("a file", 1, with("(1,LOAD_FILE('/etc/passwd'),'b',NULL,NULL,NULL)")),
        says("a subquery", 1, with("(1,(SELECT VERSION()),'b',NULL,NULL,NULL)")),
        says("a variable", 1, with("(1,@@version,'b',NULL,NULL,NULL)")),
        says(
            "a comment that runs",
            1,
            with("(1,'a','b',NULL,NULL,NULL) /*!50000 , (2,'c','d',NULL,NULL,NULL) */"),
        ),
        says("an update", 1, with("(1,'a','b',NULL,NULL,NULL) ON DUPLICATE KEY UPDATE name='x'")),
        says("a SELECT", 1, format!("{}SELECT 1,'a','b',NULL,NULL,NULL;\n", HEAD.replace("VALUES\n", ""))),
        says("REPLACE", 1, ROW.replace("INSERT", "REPLACE")),
        says("INSERT IGNORE", 1, ROW.replace("INSERT", "INSERT IGNORE")),
        says("other columns", 1, "INSERT INTO `parents` (`id`, `name`) VALUES\n(1,'a');\n".into()),
        says("columns in another order", 1, ROW.replace("`id`, `name`", "`name`, `id`")),
        says("too few values", 1, with("(1,'a')")),
        says("more rows than announced", 1, with("(1,'a','b',NULL,NULL,NULL),\n(2,'c','d',NULL,NULL,NULL)")),
        says("fewer rows than announced", 2, ROW.into()),
        says("an open string", 1, with("(1,'a','b\\',NULL,NULL,NULL)")),
        says("DELIMITER", 1, format!("DELIMITER //\n{ROW}")),
        case("another table's stream", &[10], &["`parents`"], |request, response| {
            body(response, |bytes| {
                let mut other = Request { path: request.path.clone(), dump: None };
                other.path = other.path.replace("/parents", "/tags");
                *bytes =
                    stream(&other, &[(1, "INSERT INTO `tags` (`name`, `weight`) VALUES\n('x',1);\n")], true);
            })
        }),
        case("a bomb", &[10], &["`parents`"], move |_, response| {
            body(response, |bytes| *bytes = bomb.clone())
        }),
    ]
}

/// Each case on a proxy of its own: the exit code, the words, and the target to the byte.
fn all_fail(site: &Site<'_>, serve: &Serve, cases: &Mutex<Vec<Case>>) {
    let before = picture(site);
    let next = || cases.lock().unwrap().pop();
    while let Some(case) = next() {
        let Case { what, codes, words, change } = case;
        let proxy = Proxy::start(&serve.url, move |request, response| {
            if request.table().as_deref() == Some("parents") {
                change(request, response)
            } else {
                Answer::Whole(response)
            }
        });
        let out = pull(site, &proxy.url, &["--yes"]);
        let code = out.code.unwrap_or(-1);
        assert!(codes.contains(&code), "{what}: exit code {code}:\n{}", out.all());
        let said_kept = out.stderr.contains("what was loaded is kept");
        out.refused(what, code, words);
        let after = picture(site);
        assert_eq!(before.0, after.0, "{what}: rows changed");
        if said_kept {
            // Asking for the same once more could have helped: the next pull may go on.
            assert_ne!(leftovers(site), Vec::<String>::new(), "{what}: nothing is kept");
            client(site, &["cleanup", "--force", "--max-age", "0"]).good(what);
        }
        expect_tidy(site, &before.1, what);
    }
}

fn next_pull_works(site: &Site<'_>, serve: &Serve) {
    let structure = picture(site).1;
    pull(site, &serve.url, &["--yes"]).good("the next pull");
    expect_equal(site, "the next pull");
    expect_tidy(site, &structure, "the next pull");
}

/// Each dump fails once, in another way each; the pull asks again and everything arrives.
fn cured(site: &Site<'_>, serve: &Serve) {
    let structure = picture(site).1;
    // The stall comes first: it takes all the time that a chunk has, and a chunk that had failed before would be given up.
    let proxy = Proxy::start(&serve.url, |request, mut response| match request.dump {
        Some(0) => {
            response.body.truncate(60);
            Answer::Stall(response)
        }
        Some(1) => body(response, |bytes| bytes.truncate(bytes.len() - 10)),
        Some(2) => body(response, |bytes| {
            let at = bytes.len() / 3;
            bytes[at] ^= 0x40;
        }),
        Some(3) => {
            response.status = "502 Bad Gateway".into();
            response.headers = vec!["Content-Type: text/html".into()];
            Answer::Whole(response)
        }
        Some(4) => Answer::Close,
        _ => Answer::Whole(response),
    });
    let out = pull(site, &proxy.url, &["--yes"]).good("asking again");
    assert!(out.stderr.contains("again"), "the repetitions are told:\n{}", out.all());
    expect_equal(site, "asking again");
    expect_tidy(site, &structure, "asking again");
}

/// Flips a bit at, and cuts at, places all over one stream: none goes unnoticed.
fn every_byte_counts(site: &Site<'_>, serve: &Serve) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let before = picture(site);
    // At least three attempts at each pull: each damages the stream at another place.
    let at = Arc::new(AtomicUsize::new(0));
    let length = Arc::new(Mutex::new(0));
    for pass in 0..4 {
        let (at, length) = (Arc::clone(&at), Arc::clone(&length));
        let proxy = Proxy::start(&serve.url, move |request, response| {
            if request.table().as_deref() != Some("parents") {
                return Answer::Whole(response);
            }
            body(response, |bytes| {
                *length.lock().unwrap() = bytes.len();
                let place = at.fetch_add(1, Ordering::Relaxed) % 12 * (bytes.len() - 1) / 11;
                if pass % 2 == 0 { bytes[place] ^= 1 << (place % 8) } else { bytes.truncate(place) }
            })
        });
        pull(site, &proxy.url, &["--yes"]).refused("damage", 10, &["`parents`"]);
        client(site, &["cleanup", "--force", "--max-age", "0"]).good("cleanup");
    }
    assert!(at.load(std::sync::atomic::Ordering::Relaxed) >= 12, "three attempts each");
    assert!(*length.lock().unwrap() > 500);
    assert_eq!(before, picture(site));
    expect_tidy(site, &before.1, "damage");
}
