//! Worlds of items, filled and drifted always the same way.

use std::collections::BTreeMap;

use sources::Source;
use testkit::conformance::{Look, Worlds};
use testkit::items::{Answer, Item, Items, New, PARTS, World};

pub(crate) struct ItemsWorlds;

/// The world has time for everybody, in the end.
pub(crate) fn patiently<T>(world: &World, ask: impl Fn() -> Result<T, Answer>) -> T {
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(Answer::Busy(wait)) => world.pass(wait),
            Err(other) => panic!("{other:?}"),
        }
    }
}

pub(crate) fn make(world: &World, part: &str, name: &str, parent: Option<u64>, refers: &[u64]) -> u64 {
    let new = New {
        part,
        name,
        text: &format!("what {name} says"),
        parent,
        refers,
        marker: "",
    };
    patiently(world, || world.create(&new))
}

pub(crate) fn named(world: &World, name: &str) -> Option<Item> {
    world.items().into_iter().find(|item| item.name == name)
}

fn change(world: &World, name: &str, edit: impl FnOnce(&mut Item)) {
    let mut item = named(world, name).unwrap();
    edit(&mut item);
    patiently(world, || world.change(&item));
}

pub(crate) fn delete(world: &World, name: &str) {
    let id = named(world, name).unwrap().id;
    patiently(world, || world.delete(id));
}

impl Worlds for ItemsWorlds {
    type World = World;

    fn populated(&self) -> World {
        let world = World::new();
        let role = |name| make(&world, "roles", name, None, &[]);
        let [admin, guest, idle, _spare] = ["admin", "guest", "idle", "spare"].map(role);
        let house = make(&world, "rooms", "house", None, &[admin]);
        let hall = make(&world, "rooms", "hall", Some(house), &[admin, guest]);
        make(&world, "rooms", "attic", Some(hall), &[]);
        make(&world, "notes", "rules", Some(hall), &[guest]);
        let welcome = make(&world, "notes", "welcome", Some(house), &[]);
        make(&world, "notes", "answer", Some(house), &[welcome, idle]);
        // Two that refer to each other, which no order of creation allows.
        let answer = named(&world, "answer").unwrap().id;
        change(&world, "welcome", |item| item.refers = vec![answer]);
        // Two of one name in one place.
        make(&world, "notes", "twin", Some(hall), &[]);
        make(&world, "notes", "twin", Some(hall), &[]);
        world
    }

    fn empty(&self) -> World {
        World::new()
    }

    fn drift(&self, world: &World) {
        change(world, "admin", |item| item.text.push_str(" no more"));
        let role = make(world, "roles", "intruder", None, &[]);
        make(world, "roles", "helper", None, &[]);
        patiently(world, || world.delete(role));
        let guest = named(world, "guest").unwrap().id;
        change(world, "hall", |item| {
            item.parent = None;
            item.refers = vec![guest];
        });
        delete(world, "attic");
        let shed = make(world, "rooms", "shed", None, &[]);
        make(world, "rooms", "cellar", Some(shed), &[]);
        delete(world, "welcome");
        change(world, "rules", |item| item.text.clear());
        let house = named(world, "house").unwrap().id;
        make(world, "notes", "graffiti", Some(house), &[]);
        delete(world, "spare");
        make(world, "roles", "idler", None, &[]);
    }

    fn spoil(&self, world: &World, part: &str) {
        world.make_unreadable(part);
    }

    fn source(&self, world: &World) -> Box<dyn Source> {
        Box::new(Items::new(world))
    }

    fn look(&self, world: &World) -> Look {
        let items = world.items();
        let by_id: BTreeMap<u64, &Item> = items.iter().map(|item| (item.id, item)).collect();
        // A reference into nothing is as good as none.
        let name = |id: &u64| by_id.get(id).map(|item| item.name.as_str());
        let mut look = Look::new();
        for item in &items {
            assert!(PARTS.contains(&item.part.as_str()));
            let place = item.parent.as_ref().and_then(name);
            let refers: Vec<&str> = item.refers.iter().filter_map(name).collect();
            let name = format!("{}/{}-", item.part, item.name);
            let twins = look.keys().filter(|key| key.starts_with(&name)).count();
            look.insert(
                format!("{name}{twins}"),
                format!("{} in {place:?} naming {refers:?}", item.text),
            );
        }
        look.insert("locked".to_owned(), world.is_locked().to_string());
        look
    }

    fn break_effect(&self, world: &World, number: usize, answer_lost: bool) -> bool {
        world.break_effect(number, answer_lost);
        true
    }

    fn broke(&self, world: &World) -> bool {
        world.broke()
    }
}
