//! The program: signals, clients that do not go, too few open files, memory.
#![cfg(unix)]

#[path = "program/run.rs"]
mod run;

use run::{Client, Program};
use servers::chat::WELCOME;

const ORDERLY: [&str; 2] = ["waitline", "tokio"];
const ALL: [&str; 3] = ["waitline", "tokio", "twin"];

#[test]
fn it_ends_by_ctrl_c_and_by_sigterm_with_everything_written() {
    for on in ORDERLY {
        for signal in ["INT", "TERM"] {
            let mut program = Program::start(&["chat", "--on", on]);
            let mut client = Client::of(&program);
            client.say(b"here\nhello\n");
            client.hears(WELCOME);
            client.hears(b"hello\n");
            program.signal(signal);
            client.hears_the_end();
            assert!(program.ended().success());
            assert!(!program.rest_of_errors().contains("cut off after"));
        }
    }
}

/// The limit is five seconds if nothing else is said. The programs take theirs at the same time.
#[test]
fn an_idle_client_does_not_hold_up_the_end() {
    let mut running = Vec::new();
    for on in ORDERLY {
        for signal in ["INT", "TERM"] {
            let program = Program::start(&["echo", "--on", on]);
            let mut client = Client::of(&program);
            client.say(b"hello");
            client.hears(b"hello");
            program.signal(signal);
            running.push((program, client));
        }
    }
    for (mut program, mut client) in running {
        client.hears_the_end();
        assert!(program.ended().success());
        let said = program.rest_of_errors();
        assert!(said.contains(&format!("cut off after 5 s, 1 client(s): {}\n", client.address())), "{said}");
    }
}

#[test]
fn a_client_that_does_not_read_does_not_hold_up_the_end() {
    for on in ORDERLY {
        // It is dropped for being too slow, and has an hour to read that.
        let mut program = Program::start(&["chat", "--on", on, "--grace", "3600", "--end-within", "1"]);
        let mut slow = Client::of(&program);
        slow.say(b"here\n");
        slow.hears(WELCOME);
        let mut quick = Client::of(&program);
        quick.say(b"here\n");
        quick.hears(WELCOME);
        quick.talks();
        program.signal("TERM");
        quick.hears_the_end();
        assert!(program.ended().success());
        let said = program.rest_of_errors();
        assert!(said.contains(&format!("cut off after 1 s, 1 client(s): {}\n", slow.address())), "{said}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for on in ORDERLY {
        for (second, status) in [("INT", 130), ("TERM", 143)] {
            let mut program = Program::start(&["echo", "--on", on, "--end-within", "1000000"]);
            let mut client = Client::of(&program);
            client.say(b"hello");
            client.hears(b"hello");
            program.signal("INT");
            program.says("stopping");
            program.signal(second);
            assert_eq!(program.ended().code(), Some(status));
        }
    }
}

#[test]
fn too_few_open_files_cut_off_nobody_and_are_told_once() {
    for on in ALL {
        for (server, first, answer) in [("echo", &b"hello\n"[..], &b"hello\n"[..]), ("chat", b"here\n", WELCOME)] {
            let mut program = Program::start_with("ulimit -n 64", &[server, "--on", on]);
            let mut clients = (0..100).map(|_| Client::of(&program)).collect::<Vec<_>>();
            program.says("cannot accept");
            // Those who are in are served; the others wait.
            let waiting = clients.split_off(60);
            clients[0].say(first);
            clients[0].hears(answer);
            drop(clients);
            for mut client in waiting {
                client.say(first);
                client.hears(answer);
            }
            program.signal("TERM");
            let ended = program.ended();
            assert!(ended.success() || on == "twin", "{ended}");
            let said = program.rest_of_errors();
            assert!(!said.contains("accept"), "{said}");
        }
    }
}

/// Each alone in its room, where it says much and reads nothing, until the server has had enough of it.
#[cfg(target_os = "linux")]
#[test]
fn members_that_do_not_read_cost_little() {
    const MEMBERS: u64 = 40;
    // Under AddressSanitizer, what was freed is kept for a while: not much of it.
    let sanitizer = "export ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=1";
    for on in ALL {
        let program = Program::start_with(sanitizer, &["chat", "--on", on]);
        let mut clients = (0..MEMBERS).map(|_| Client::of(&program)).collect::<Vec<_>>();
        for (room, client) in clients.iter_mut().enumerate() {
            client.say(format!("{room}\n").as_bytes());
            client.hears(WELCOME);
        }
        let before = program.memory();
        std::thread::scope(|threads| {
            for client in &mut clients {
                threads.spawn(|| client.talks_until_it_is_dropped());
            }
        });
        let each = (program.memory() - before) / MEMBERS;
        assert!(each < 300, "{on}: {each} KiB each");
    }
}
