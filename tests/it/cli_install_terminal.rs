//! `backfill install` on a terminal: what it asks, what it does not echo, and that a no writes nothing.

use crate::harness::{Add, FLAVOURS, Site, TOKEN, exec, short, wait_for};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub fn tests(add: &mut Add<'_>) {
    for flavour in FLAVOURS {
        add(
            format!("cli_install_terminal::a_server_is_asked_for::{}", short(flavour)),
            Box::new(move |servers| server(&Site::new(servers, flavour, flavour))),
        );
        add(
            format!("cli_install_terminal::a_no_writes_nothing::{}", short(flavour)),
            Box::new(move |servers| declined(&Site::new(servers, flavour, flavour))),
        );
    }
}

/// A program on a terminal of its own.
struct Terminal {
    keyboard: File,
    shown: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    child: Child,
}

impl Terminal {
    /// `backfill install` in a fresh folder.
    fn start(site: &Site<'_>) -> Self {
        std::fs::create_dir(site.path("terminal")).unwrap();
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let screen = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = site.command("server");
        command.current_dir(site.path("terminal")).env("TERM", "xterm").arg("install");
        command.stdin(screen.try_clone().unwrap()).stdout(screen.try_clone().unwrap()).stderr(screen);
        let child = command.spawn().unwrap();
        // The command holds ends of the terminal too: what is read would never end.
        drop(command);
        let keyboard = File::from(master);
        let shown = Arc::new(Mutex::new(String::new()));
        let reader = std::thread::spawn({
            let (mut master, shown) = (keyboard.try_clone().unwrap(), Arc::clone(&shown));
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = master.read(&mut buffer) {
                    shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            }
        });
        Self { keyboard, shown, reader: Some(reader), child }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits for a question, and until the terminal no longer echoes, as somebody does who reads before typing.
    fn answer(&mut self, question: &str, keys: &str) {
        wait_for(question, || {
            self.shown().contains(question)
                && !tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO)
        });
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end; gives the exit code and what was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        // With the last end of the terminal closed, reading it fails.
        self.reader.take().unwrap().join().unwrap();
        (code, self.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn prepared(site: &Site<'_>) -> (Terminal, String) {
    exec(
        &mut site.source_conn(),
        "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(90) NOT NULL, phone VARCHAR(40)) ENGINE=InnoDB",
    );
    (Terminal::start(site), site.source.url(&site.source_db))
}

/// The questions up to the last one.
fn ask(terminal: &mut Terminal, url: &str) {
    // The unset environment counts as production, so the server is offered.
    terminal.answer("Which side is this machine?", "\r");
    terminal.answer("Both sides share one token", "\u{1b}[B\r");
    terminal.answer("The token that the other side has", &format!("{TOKEN}\r"));
    terminal.answer("The database to serve", &format!("{url}\r"));
    terminal.answer("Where are copies kept", "\r");
    // All are offered; the second one is taken away.
    terminal.answer("Which rules to write", "\u{1b}[B \r");
}

fn server(site: &Site<'_>) {
    let (mut terminal, url) = prepared(site);
    ask(&mut terminal, &url);
    terminal.answer("write these 2 files?", "y");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("users.email = \"email\""), "{shown}");
    assert!(!shown.contains(&url), "the URL is echoed: {shown}");
    // Once, on purpose for each side: here somebody reads it.
    assert_eq!(shown.matches(TOKEN).count(), 2, "{shown}");
    assert!(shown.contains("Still without a rule: 1 column"), "{shown}");
    let env = std::fs::read_to_string(site.path("terminal/.env")).unwrap();
    assert_eq!(env.lines().nth(1), Some(format!("BACKFILL_TOKEN={TOKEN}").as_str()));
    let config = std::fs::read_to_string(site.path("terminal/backfill.toml")).unwrap();
    assert!(
        config.contains("\nenabled = true\n") && config.ends_with("[sanitize.users]\nemail = \"email\"\n"),
        "{config}"
    );
}

fn declined(site: &Site<'_>) {
    let (mut terminal, url) = prepared(site);
    ask(&mut terminal, &url);
    terminal.answer("write these 2 files?", "n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Not written:") && !shown.contains("Tried out:"), "{shown}");
    assert_eq!(std::fs::read_dir(site.path("terminal")).unwrap().count(), 0);
}
