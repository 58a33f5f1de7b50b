use waitline::diagnostics::{Origin, Wait, holds, waits};

#[cfg(not(feature = "diagnostics"))]
#[test]
fn without_the_feature_nothing_is_stored() {
    use waitline::diagnostics::{Announced, Caller, Hold};
    assert_eq!(std::mem::size_of::<(Origin, Caller, Hold, Wait, Announced)>(), 0);
    assert!(!std::mem::needs_drop::<(Origin, Caller, Hold, Wait, Announced)>());
    assert!(waits().is_empty() && holds().is_empty());
}

#[cfg(feature = "diagnostics")]
mod on {
    use super::*;
    use waitline::diagnostics::{Caller, Current, HeldAs, Holding, Target, Task, enter};

    /// What is on record of the origin with this label.
    fn held(label: &str, origin: &Origin) -> Vec<Holding> {
        // Its number is told by a wait for it.
        let mut wait = Wait::new();
        wait.for_primitive(Current::get(), origin, "test", Caller::here());
        let things = waits().into_iter().filter_map(|wait| match wait.target {
            Target::Primitive(thing, "test") if thing.label == Some(label) => Some(thing.id),
            _ => None,
        });
        let ids: Vec<u64> = things.collect();
        assert_eq!(ids.len(), 1);
        holds().into_iter().filter(|hold| hold.primitive == ids[0]).collect()
    }

    fn origin(label: &'static str) -> Origin {
        let mut origin = Origin::new("Kind");
        origin.set_label(label);
        origin
    }

    #[test]
    fn who_holds_alone_is_replaced_and_release() {
        let origin = origin("alone");
        let line = line!() + 1;
        origin.hold_alone(Caller::here());
        assert_eq!(held("alone", &origin)[0].location.line(), line);
        origin.hold_alone(Caller::here());
        assert_eq!(held("alone", &origin).len(), 1);
        origin.release();
        origin.release();
        assert!(held("alone", &origin).is_empty());
    }

    #[test]
    fn parts_are_held_until_they_are_dropped() {
        let origin = origin("parts");
        let first = origin.hold(Caller::here());
        let second = first.clone();
        drop(first);
        assert_eq!(held("parts", &origin).len(), 1);
        drop(second);
        assert!(held("parts", &origin).is_empty());
    }

    #[test]
    fn the_items_on_record_are_limited_and_are_done_by_their_takers_first() {
        let key = |id| Task { key: (1, id), describe: |(_, id)| format!("task {id}") };
        let origin = origin("items");
        for task in [1, 2] {
            let _announced = enter(|| key(task));
            origin.take_item(Caller::here());
        }
        {
            let _announced = enter(|| key(2));
            origin.item_done();
        }
        let left = held("items", &origin);
        assert_eq!((left.len(), &*left[0].by.name, left[0].held_as), (1, "task 1", HeldAs::Item));
        // Somebody else's is done when there is none of one's own.
        origin.item_done();
        assert!(held("items", &origin).is_empty());
        for _ in 0..1000 {
            origin.take_item(Caller::here());
        }
        assert_eq!(held("items", &origin).len(), 64);
        origin.all_done();
        assert!(held("items", &origin).is_empty());
    }

    #[test]
    fn nothing_is_left_of_a_primitive_that_is_gone() {
        let origin = origin("gone");
        let _announced = enter(|| Task { key: (3, 4), describe: |_| "only here".to_owned() });
        origin.hold_alone(Caller::here());
        origin.take_item(Caller::here());
        assert_eq!(held("gone", &origin).len(), 2);
        drop(origin);
        assert!(holds().iter().all(|hold| hold.by.name != "only here"));
    }

    #[test]
    fn a_wait_is_told_with_its_task_and_its_thread() {
        let origin = origin("waits");
        let find = || {
            waits()
                .into_iter()
                .find(|wait| matches!(wait.target, Target::Primitive(thing, _) if thing.label == Some("waits")))
        };
        let mut wait = Wait::new();
        {
            let _announced = enter(|| Task { key: (7, 8), describe: |key| format!("{key:?}") });
            wait.for_primitive(Current::get(), &origin, "call", Caller::here());
        }
        let told = find().unwrap();
        assert_eq!((told.by.task, &*told.by.name, told.granted), (Some((7, 8)), "(7, 8)", false));
        wait.granted();
        assert!(find().unwrap().granted);
        wait.for_primitive(Current::get(), &origin, "call", Caller::here());
        let told = find().unwrap();
        assert!(told.by.task.is_none() && told.by.name.starts_with("thread \""), "{:?}", told.by);
        wait.end();
        assert!(find().is_none());
    }
}
