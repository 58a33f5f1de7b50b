//! Random sequences of all operations, cancels included, against a sequential model of `asyncio.Queue`'s meaning.
//!
//! The model is written for clarity: it keeps items in a plain vector and searches it. After each step the queue must
//! agree with it on every result, on every count, and on who has been woken.

use futures_lite::future::poll_once as poll_now;
use proptest::prelude::*;
use std::{collections::VecDeque, pin::Pin, task::Poll};
use waitline::testing::CountingWaker;
use waitline_queue::{
    Closed, Get, GetError, Join, LifoQueue, PriorityQueue, Put, PutError, Queue, Reserve, Slot, TaskDoneError,
    TryGetError, TryPutError, TryReserveError, order,
};

#[derive(Debug, Clone)]
enum Op {
    TryPut(u8),
    Put(u8),
    TryReserve,
    Reserve,
    TryGet,
    Get,
    GetMany(usize),
    Join,
    /// Poll, or drop, one of the futures that are alive.
    Poll(usize),
    Drop(usize),
    /// Put into, or drop, one of the slots that are held.
    SlotPut(usize, u8),
    SlotDrop(usize),
    TaskDone,
    Close,
    CloseNow,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => any::<u8>().prop_map(Op::TryPut),
        9 => any::<u8>().prop_map(Op::Put),
        2 => Just(Op::TryReserve),
        4 => Just(Op::Reserve),
        6 => Just(Op::TryGet),
        9 => Just(Op::Get),
        3 => (0usize..5).prop_map(Op::GetMany),
        2 => Just(Op::Join),
        12 => any::<usize>().prop_map(Op::Poll),
        9 => any::<usize>().prop_map(Op::Drop),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(which, item)| Op::SlotPut(which, item)),
        3 => any::<usize>().prop_map(Op::SlotDrop),
        5 => Just(Op::TaskDone),
        1 => prop_oneof![4 => Just(Op::Close), 1 => Just(Op::CloseNow)],
    ];
    proptest::collection::vec(op, 1..120)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Fifo,
    Lifo,
    Priority,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Open,
    Closed,
    Now,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Put(u8),
    Reserve,
    Get,
    Join,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waiting,
    /// A put or reserve has a slot, a join is over.
    Granted,
    /// The queue was closed.
    Refused,
    /// A get has an item.
    Handed(u64, u8),
}

/// What a put, get, reserve or join says when it is ready.
#[derive(Debug, PartialEq)]
enum Outcome {
    Put(Result<(), PutError<u8>>),
    Reserve(Result<(), Closed>),
    Get(Result<u8, GetError>),
    Join,
}

struct Model {
    order: Order,
    capacity: usize,
    phase: Phase,
    items: Vec<(u64, u8)>,
    entered: u64,
    unfinished: usize,
    slots: usize,
    granted: usize,
    /// Who waits, by ticket.
    putters: VecDeque<usize>,
    getters: VecDeque<usize>,
    joiners: Vec<usize>,
    tickets: Vec<(Kind, Fate)>,
}

impl Model {
    fn new(order: Order, capacity: usize) -> Self {
        Model {
            order,
            capacity,
            phase: Phase::Open,
            items: Vec::new(),
            entered: 0,
            unfinished: 0,
            slots: 0,
            granted: 0,
            putters: VecDeque::new(),
            getters: VecDeque::new(),
            joiners: Vec::new(),
            tickets: Vec::new(),
        }
    }

    fn room(&self) -> bool {
        self.items.len() + self.slots + self.granted < self.capacity
    }

    fn must_wait(&self) -> bool {
        !self.putters.is_empty() || !self.room()
    }

    fn is_full(&self) -> bool {
        match self.phase {
            Phase::Open => self.must_wait(),
            Phase::Closed | Phase::Now => self.items.len() + self.slots >= self.capacity,
        }
    }

    fn drained(&self) -> bool {
        self.phase != Phase::Open && self.items.is_empty() && self.slots == 0
    }

    fn next_item(&self) -> Option<usize> {
        let all = self.items.iter().enumerate();
        match self.order {
            Order::Fifo => all.min_by_key(|(_, (order, _))| *order),
            Order::Lifo => all.max_by_key(|(_, (order, _))| *order),
            Order::Priority => all.min_by_key(|(_, (order, item))| (*item, *order)),
        }
        .map(|(at, _)| at)
    }

    fn take(&mut self) -> Option<(u64, u8)> {
        self.next_item().map(|at| self.items.remove(at))
    }

    fn enter(&mut self, item: u8) {
        self.items.push((self.entered, item));
        self.entered += 1;
        self.unfinished += 1;
    }

    /// Serves everybody who can be served.
    fn serve(&mut self) {
        loop {
            if !self.getters.is_empty() && !self.items.is_empty() {
                let (order, item) = self.take().unwrap();
                let ticket = self.getters.pop_front().unwrap();
                self.tickets[ticket].1 = Fate::Handed(order, item);
            } else if !self.getters.is_empty() && self.drained() {
                let ticket = self.getters.pop_front().unwrap();
                self.tickets[ticket].1 = Fate::Refused;
            } else if !self.putters.is_empty() && self.phase != Phase::Open {
                let ticket = self.putters.pop_front().unwrap();
                self.tickets[ticket].1 = Fate::Refused;
            } else if !self.putters.is_empty() && self.room() {
                let ticket = self.putters.pop_front().unwrap();
                self.tickets[ticket].1 = Fate::Granted;
                self.granted += 1;
            } else if !self.joiners.is_empty() && self.unfinished == 0 {
                self.joiners.drain(..).for_each(|ticket| self.tickets[ticket].1 = Fate::Granted);
            } else {
                return;
            }
        }
    }

    fn close(&mut self) -> bool {
        let was_open = self.phase == Phase::Open;
        if was_open {
            self.phase = Phase::Closed;
            self.granted = 0;
            // Granted and not polled since: as if they had never been granted.
            for (kind, fate) in &mut self.tickets {
                if matches!(kind, Kind::Put(_) | Kind::Reserve) && *fate == Fate::Granted {
                    *fate = Fate::Refused;
                }
            }
        }
        was_open
    }

    fn close_now(&mut self) -> Vec<u8> {
        self.close();
        self.phase = Phase::Now;
        self.slots = 0;
        let mut all = Vec::new();
        while let Some((_, item)) = self.take() {
            self.unfinished = self.unfinished.saturating_sub(1);
            all.push(item);
        }
        self.serve();
        all
    }

    /// The first poll of a future: its outcome, or it waits.
    fn begin(&mut self, kind: Kind) -> Option<Outcome> {
        let open = self.phase == Phase::Open;
        let outcome = match kind {
            Kind::Put(item) if !open => Some(Outcome::Put(Err(PutError(item)))),
            Kind::Put(_) | Kind::Reserve if open && self.must_wait() => {
                self.putters.push_back(self.tickets.len());
                None
            }
            Kind::Put(item) => {
                self.enter(item);
                Some(Outcome::Put(Ok(())))
            }
            Kind::Reserve if !open => Some(Outcome::Reserve(Err(Closed))),
            Kind::Reserve => {
                self.slots += 1;
                Some(Outcome::Reserve(Ok(())))
            }
            Kind::Get => match self.take() {
                Some((_, item)) => Some(Outcome::Get(Ok(item))),
                None if self.drained() => Some(Outcome::Get(Err(GetError))),
                None => {
                    self.getters.push_back(self.tickets.len());
                    None
                }
            },
            Kind::Join if self.unfinished == 0 => Some(Outcome::Join),
            Kind::Join => {
                self.joiners.push(self.tickets.len());
                None
            }
        };
        if outcome.is_none() {
            self.tickets.push((kind, Fate::Waiting));
        }
        self.serve();
        outcome
    }

    /// A later poll.
    fn poll(&mut self, ticket: usize) -> Option<Outcome> {
        let outcome = match self.tickets[ticket] {
            (_, Fate::Waiting) => None,
            (Kind::Put(item), Fate::Granted) => {
                self.granted -= 1;
                self.enter(item);
                Some(Outcome::Put(Ok(())))
            }
            (Kind::Put(item), _) => Some(Outcome::Put(Err(PutError(item)))),
            (Kind::Reserve, Fate::Granted) => {
                self.granted -= 1;
                self.slots += 1;
                Some(Outcome::Reserve(Ok(())))
            }
            (Kind::Reserve, _) => Some(Outcome::Reserve(Err(Closed))),
            (Kind::Get, Fate::Handed(_, item)) => Some(Outcome::Get(Ok(item))),
            (Kind::Get, _) => Some(Outcome::Get(Err(GetError))),
            (Kind::Join, _) => Some(Outcome::Join),
        };
        self.serve();
        outcome
    }

    fn drop(&mut self, ticket: usize) {
        match self.tickets[ticket] {
            (_, Fate::Waiting) => {
                self.putters.retain(|waiting| *waiting != ticket);
                self.getters.retain(|waiting| *waiting != ticket);
                self.joiners.retain(|waiting| *waiting != ticket);
            }
            (Kind::Put(_) | Kind::Reserve, Fate::Granted) => self.granted -= 1,
            // As if it had never been taken.
            (_, Fate::Handed(order, item)) => self.items.push((order, item)),
            _ => {}
        }
        self.serve();
    }

    fn slot_put(&mut self, item: u8) -> Result<(), PutError<u8>> {
        if self.phase == Phase::Now {
            return Err(PutError(item));
        }
        self.slots -= 1;
        self.enter(item);
        self.serve();
        Ok(())
    }

    fn slot_drop(&mut self) {
        if self.phase != Phase::Now {
            self.slots -= 1;
            self.serve();
        }
    }

    fn task_done(&mut self) -> Result<(), TaskDoneError> {
        self.unfinished = self.unfinished.checked_sub(1).ok_or(TaskDoneError)?;
        self.serve();
        Ok(())
    }
}

macro_rules! run {
    ($queue:expr, $store:ident, $order:expr, $capacity:expr, $ops:expr) => {{
        type Store = order::$store<u8>;
        enum Live<'a> {
            Put(Pin<Box<Put<'a, u8, Store>>>),
            Reserve(Pin<Box<Reserve<'a, u8, Store>>>),
            Get(Pin<Box<Get<'a, u8, Store>>>),
            Join(Pin<Box<Join<'a, u8, Store>>>),
        }
        let queue = $queue;
        let mut model = Model::new($order, $capacity.unwrap_or(usize::MAX));
        let mut slots: Vec<Slot<'_, u8, Store>> = Vec::new();
        let mut live: Vec<(usize, Live<'_>, CountingWaker)> = Vec::new();

        /// Polls, and makes of a slot what the model makes of it.
        fn poll<'a>(
            future: &mut Live<'a>,
            waker: &CountingWaker,
            slots: &mut Vec<Slot<'a, u8, Store>>,
        ) -> Option<Outcome> {
            let polled = match future {
                Live::Put(put) => waker.poll(put.as_mut()).map(Outcome::Put),
                Live::Reserve(reserve) => {
                    waker.poll(reserve.as_mut()).map(|slot| Outcome::Reserve(slot.map(|slot| slots.push(slot))))
                }
                Live::Get(get) => waker.poll(get.as_mut()).map(Outcome::Get),
                Live::Join(join) => waker.poll(join.as_mut()).map(|()| Outcome::Join),
            };
            match polled {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            }
        }

        for op in $ops {
            let begun = match op {
                Op::Put(item) => Some((Kind::Put(item), Live::Put(Box::pin(queue.put(item))))),
                Op::Reserve => Some((Kind::Reserve, Live::Reserve(Box::pin(queue.reserve())))),
                Op::Get => Some((Kind::Get, Live::Get(Box::pin(queue.get())))),
                Op::Join => Some((Kind::Join, Live::Join(Box::pin(queue.join())))),
                _ => None,
            };
            if let Some((kind, mut future)) = begun {
                let waker = CountingWaker::new();
                let outcome = poll(&mut future, &waker, &mut slots);
                let ticket = model.tickets.len();
                prop_assert_eq!(&outcome, &model.begin(kind), "{:?}", kind);
                if outcome.is_none() {
                    live.push((ticket, future, waker));
                }
            }
            match op {
                Op::Put(_) | Op::Reserve | Op::Get | Op::Join => {}
                Op::TryPut(item) => {
                    let expected = if model.phase != Phase::Open {
                        Err(TryPutError::Closed(item))
                    } else if model.must_wait() {
                        Err(TryPutError::Full(item))
                    } else {
                        model.enter(item);
                        model.serve();
                        Ok(())
                    };
                    prop_assert_eq!(queue.try_put(item), expected);
                }
                Op::TryReserve => {
                    let expected = if model.phase != Phase::Open {
                        Err(TryReserveError::Closed)
                    } else if model.must_wait() {
                        Err(TryReserveError::Full)
                    } else {
                        model.slots += 1;
                        Ok(())
                    };
                    prop_assert_eq!(queue.try_reserve().map(|slot| slots.push(slot)), expected);
                }
                Op::TryGet => {
                    let expected = match model.take() {
                        Some((_, item)) => Ok(item),
                        None if model.drained() => Err(TryGetError::Closed),
                        None => Err(TryGetError::Empty),
                    };
                    model.serve();
                    prop_assert_eq!(queue.try_get(), expected);
                }
                Op::GetMany(limit) => {
                    let expected: Vec<u8> = (0..limit).map_while(|_| model.take()).map(|(_, item)| item).collect();
                    let wait = expected.is_empty() && limit > 0 && !model.drained();
                    model.serve();
                    let mut out = Vec::new();
                    let got = futures_lite::future::block_on(poll_now(queue.get_many(&mut out, limit)));
                    prop_assert_eq!(got, (!wait).then_some(expected.len()));
                    prop_assert_eq!(out, expected);
                }
                Op::Poll(which) => {
                    if !live.is_empty() {
                        let which = which % live.len();
                        let (ticket, future, waker) = &mut live[which];
                        let outcome = poll(future, waker, &mut slots);
                        prop_assert_eq!(&outcome, &model.poll(*ticket));
                        if outcome.is_some() {
                            live.remove(which);
                        }
                    }
                }
                Op::Drop(which) => {
                    if !live.is_empty() {
                        let (ticket, future, _) = live.remove(which % live.len());
                        drop(future);
                        model.drop(ticket);
                    }
                }
                Op::SlotPut(which, item) => {
                    if !slots.is_empty() {
                        let slot = slots.remove(which % slots.len());
                        prop_assert_eq!(slot.put(item), model.slot_put(item));
                    }
                }
                Op::SlotDrop(which) => {
                    if !slots.is_empty() {
                        drop(slots.remove(which % slots.len()));
                        model.slot_drop();
                    }
                }
                Op::TaskDone => prop_assert_eq!(queue.task_done(), model.task_done()),
                Op::Close => {
                    let expected = model.close();
                    model.serve();
                    prop_assert_eq!(queue.close(), expected);
                }
                Op::CloseNow => prop_assert_eq!(queue.close_now(), model.close_now()),
            }
            prop_assert_eq!(queue.len(), model.items.len());
            prop_assert_eq!(queue.is_empty(), model.items.is_empty());
            prop_assert_eq!(queue.unfinished(), model.unfinished);
            prop_assert_eq!(queue.is_closed(), model.phase != Phase::Open);
            prop_assert_eq!(queue.is_full(), model.is_full());
            for (ticket, _, waker) in &live {
                let (kind, fate) = model.tickets[*ticket];
                prop_assert_eq!(waker.count(), usize::from(fate != Fate::Waiting), "{:?} {:?}", kind, fate);
            }
        }
        Ok(())
    }};
}

fn fifo(capacity: Option<usize>, ops: Vec<Op>) -> Result<(), TestCaseError> {
    run!(capacity.map_or_else(Queue::unbounded, Queue::bounded), Fifo, Order::Fifo, capacity, ops)
}

fn lifo(capacity: Option<usize>, ops: Vec<Op>) -> Result<(), TestCaseError> {
    run!(capacity.map_or_else(LifoQueue::unbounded, LifoQueue::bounded), Lifo, Order::Lifo, capacity, ops)
}

fn priority(capacity: Option<usize>, ops: Vec<Op>) -> Result<(), TestCaseError> {
    run!(
        capacity.map_or_else(PriorityQueue::unbounded, PriorityQueue::bounded),
        Priority,
        Order::Priority,
        capacity,
        ops
    )
}

fn capacities() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![4 => Just(Some(1)), 3 => Just(Some(2)), 2 => Just(Some(4)), 1 => Just(None)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_does_what_the_model_does(capacity in capacities(), ops in ops()) {
        fifo(capacity, ops)?;
    }

    #[test]
    fn a_lifo_queue_does_what_the_model_does(capacity in capacities(), ops in ops()) {
        lifo(capacity, ops)?;
    }

    #[test]
    fn a_priority_queue_does_what_the_model_does(capacity in capacities(), ops in ops()) {
        priority(capacity, ops)?;
    }
}
