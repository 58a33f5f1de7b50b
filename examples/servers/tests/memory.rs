//! What a member of the chat costs that does not read.

#[path = "net/simulated.rs"]
mod simulated;

use futures_lite::AsyncWriteExt;
use servers::{
    End,
    chat::{self, Limits},
    net::Net,
};
use simulated::{CAPACITY, Simulated};
use std::{cell::Cell, net::SocketAddr, sync::Arc, time::Duration};
use waitline::testing::{CountingAllocator, allocated_bytes};
use waitline_event::Event;
use waitline_executor::{gather, sim};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// As the program has them; but they stay when they were dropped, so that they cost as long as they can.
const LIMITS: Limits = Limits { outbox: 1024, bytes: 64 << 10, grace: Duration::from_secs(600) };

/// Alone in its room, says 2 MB and reads nothing. Calls `look` at each line.
async fn talk(
    address: SocketAddr,
    room: usize,
    look: impl Fn(),
) -> (<Simulated as Net>::Reader, <Simulated as Net>::Writer) {
    let (reader, mut writer) = Simulated::connect(address).await.unwrap();
    writer.write_all(format!("{room}\n").as_bytes()).await.unwrap();
    let line = vec![b'x'; chat::LINE as usize - 1];
    for _ in 0..512 {
        // The server reads no more of a member that it has dropped.
        let said = writer.write_all(&line).await.is_ok() && writer.write_all(b"\n").await.is_ok();
        if !said {
            break;
        }
        look();
    }
    (reader, writer)
}

#[test]
fn a_member_that_does_not_read_costs_what_its_limits_say() {
    const MEMBERS: usize = 50;
    sim::many(0..5, || async {
        let listener = Simulated::listen(ANY).await.unwrap();
        let address = Simulated::address(&listener).unwrap();
        let stop = Arc::new(Event::new());
        let end = End { stop: stop.clone(), limit: Duration::ZERO };
        let before = allocated_bytes();
        Simulated::spawn(async move {
            chat::serve::<Simulated>(listener, LIMITS, end).await;
        });
        let most = Cell::new(0);
        let look = || most.set(most.get().max(allocated_bytes() - before));
        let members = gather((0..MEMBERS).map(|room| talk(address, room, look))).await;
        let each = most.get() as usize / MEMBERS;
        // What is in the connection itself, in both directions, is memory here.
        let connection = 2 * CAPACITY.next_power_of_two();
        assert!(each < connection + LIMITS.bytes + (64 << 10), "{each} bytes each");
        drop(members);
        stop.set();
    });
}
