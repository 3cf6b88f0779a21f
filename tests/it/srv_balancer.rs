//! Behind a load balancer, connections of one run may reach different servers: then the run ends.

use crate::cli_proxy::forward_to;
use crate::harness::{Add, FLAVOURS, Site, exec, short};
use crate::srv_http::Http;
use backfill::sandbox::Server;
use backfill::wire::api::{Code, RunPhase};
use std::sync::{Arc, Mutex};

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("srv_balancer::a_run_stays_on_one_server::{}", short(flavour)),
            Box::new(move |servers| a_run_stays_on_one_server(&Site::new(servers, flavour, flavour))),
        );
    }
}

fn address(server: &Server) -> String {
    let endpoint = server.endpoint("");
    format!("{}:{}", endpoint.host, endpoint.port)
}

fn a_run_stays_on_one_server(site: &Site<'_>) {
    exec(&mut site.source_conn(), "CREATE TABLE t (id INT PRIMARY KEY)");
    let mut elsewhere = site.target.connect().unwrap();
    exec(&mut elsewhere, &format!("CREATE DATABASE {}", site.source_db));
    exec(&mut elsewhere, &format!("CREATE TABLE {}.t (id INT PRIMARY KEY)", site.source_db));

    let behind = Arc::new(Mutex::new(address(site.source)));
    let port = forward_to(Arc::clone(&behind));
    let url = site.source.url(&site.source_db).replace(&address(site.source), &format!("127.0.0.1:{port}"));
    site.configure_server_as(&url, "", "[privacy]\npolicy = \"open\"\n");
    let serve = site.serve();
    let client = Http::new(&serve);
    client.complete(&client.begin(&["t"]));

    *behind.lock().unwrap() = address(site.target);
    let status = client.finished(&client.begin(&["t"]));
    assert_eq!(status.phase, RunPhase::Failed);
    assert_eq!(status.error.map(|error| error.code), Some(Code::SourceUnavailable));
    assert!(serve.log().contains("and the server was started on"), "{}", serve.log());
    exec(&mut elsewhere, &format!("DROP DATABASE {}", site.source_db));
}
