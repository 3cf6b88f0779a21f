use super::*;
use crate::db::Tls;

fn seat(statements: &Arc<Statements>) -> Seat {
    let endpoint = Endpoint {
        host: "db".into(),
        port: 3306,
        socket: None,
        user: "reader".into(),
        password: "".into(),
        database: "app".into(),
        tls: Tls::default(),
    };
    Seat::new(statements, &endpoint, "db:1", 7)
}

#[test]
fn only_what_the_source_says_is_replaced_when_the_run_has_ended() {
    let statements = Arc::default();
    let seat = seat(&statements);
    let fails = |kind| {
        seat.run(None, || {
            statements.end();
            Err::<(), _>(Error::new(kind, "why"))
        })
        .unwrap_err()
    };
    assert_eq!(fails(Kind::Integrity).what(), "why");
    let ended = seat.run(None, || Ok(())).unwrap_err();
    assert_eq!(ended.kind(), Kind::Busy, "no other begins");
    statements.ended.store(false, Ordering::Release);
    assert_eq!(fails(Kind::Source).kind(), Kind::Busy);
}

#[test]
fn what_nobody_wants_is_to_end_and_nothing_else() {
    let statements = Arc::default();
    let (seat, mut other) = (seat(&statements), seat(&statements));
    other.connection = 8;
    let ended = || match statements.next_task() {
        Task::End(running) => running.iter().map(|running| running.connection).collect(),
        _ => Vec::new(),
    };
    seat.run(None, || {
        other.run(None, || {
            assert_eq!(ended(), [0; 0]);
            seat.abandon();
            assert_eq!(ended(), [7]);
            statements.end();
            assert_eq!(ended(), [7, 8]);
            Ok(())
        })
    })
    .unwrap();
    assert_eq!(ended(), [0; 0]);
}

#[test]
fn a_statement_that_was_told_to_end_for_others_gives_way() {
    let statements = Arc::default();
    let seat = seat(&statements);
    let gives_way = seat.gives_way();
    seat.run(None, || {
        assert!(!gives_way());
        assert!(statements.if_running(0, false, || Ok(())).unwrap() && !gives_way());
        assert!(statements.if_running(0, true, || Ok(())).unwrap() && gives_way());
        Ok(())
    })
    .unwrap();
    assert!(!gives_way());
}
