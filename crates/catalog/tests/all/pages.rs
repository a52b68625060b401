//! Pages, put together, are the list: for every filter, while rows come and go between them, on both engines.
//!
//! A *script* says what lies in a table, how it is read, and what happens after each page; an oracle reads the same from a plain list.

use catalog::Catalog;
use catalog::grants::GrantRow;
use catalog::paging::{After, Within};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::people::person;
use crate::shelves::{OLD, PLACES, Row, Shelf};

/// Somebody who was granted little, and somebody who was granted a source with more rows than are ever gathered.
const FEW: &str = "few";
const MANY: &str = "many";

#[derive(Clone, Debug)]
enum Happening {
    Nothing,
    Added(Row),
    /// One of the rows there are.
    Deleted(usize),
}

#[derive(Clone, Debug)]
struct Script {
    rows: Vec<Row>,
    within: usize,
    word: Option<usize>,
    state: Option<usize>,
    page: usize,
    happenings: Vec<Happening>,
}

/// Moments and sources are few, so that many rows share them.
fn row() -> impl Strategy<Value = Row> {
    (0..6_i64, 0..PLACES, 0..3_usize, 0..4_usize).prop_map(|(created, place, word, state)| Row {
        number: 0,
        created,
        place,
        word,
        state,
    })
}

fn script() -> impl Strategy<Value = Script> {
    let happening = prop_oneof![
        Just(Happening::Nothing),
        row().prop_map(Happening::Added),
        (0..100_usize).prop_map(Happening::Deleted),
    ];
    (
        prop::collection::vec(row(), 0..24),
        0..5 + PLACES,
        prop::option::of(0..3_usize),
        prop::option::of(0..4_usize),
        1..5_usize,
        prop::collection::vec(happening, 24),
    )
        .prop_map(|(rows, within, word, state, page, happenings)| Script {
            rows,
            within,
            word,
            state,
            page,
            happenings,
        })
}

fn granted(person: &str, relations: [&str; 2]) -> Within {
    Within::Granted {
        person: person.into(),
        relations: relations.map(str::to_owned),
    }
}

/// How a list is asked for, and whether a row's source belongs into it.
fn within(number: usize) -> (Within, impl Fn(usize) -> bool) {
    let within = match number {
        0 => Within::All,
        1 => Within::Sources,
        2 => granted(FEW, ["granted", "owner"]),
        3 => granted(MANY, ["granted", "owner"]),
        4 => granted(MANY, ["owner", "owner"]),
        5 => Within::Nowhere,
        place => Within::Source(format!("s{}", place - 5)),
    };
    // The source of number 0 is none.
    let holds = move |place: usize| match number {
        0 => true,
        1 => place != 0,
        2 | 3 => place == 1 || place == 2,
        4 => place == 1,
        wanted => place == wanted - 5,
    };
    (within, holds)
}

async fn grant_all(catalog: &Catalog) {
    for who in [FEW, MANY] {
        catalog.add_person(&person(who, who)).await.unwrap();
        for (source, relation) in [("s1", "owner"), ("s2", "granted"), ("bulk", "owner")] {
            let row = GrantRow {
                person: who.into(),
                source: source.into(),
                relation: relation.into(),
                created: 1,
            };
            if who == MANY || source != "bulk" {
                catalog.put_grant(&row).await.unwrap();
            }
        }
    }
}

impl Script {
    /// With no more states than rows of this kind can be in.
    fn on(&self, kind: Shelf) -> Script {
        let fold = |row: &Row| Row {
            state: row.state % kind.states(),
            ..row.clone()
        };
        let happening = |happening: &Happening| match happening {
            Happening::Added(row) => Happening::Added(fold(row)),
            other => other.clone(),
        };
        Script {
            rows: self.rows.iter().map(fold).collect(),
            state: self.state.map(|state| state % kind.states()),
            happenings: self.happenings.iter().map(happening).collect(),
            ..self.clone()
        }
    }
}

/// Plays a script, and leaves nothing behind for the next one.
async fn play(catalog: &Catalog, shelf: Shelf, script: &Script) -> Result<(), TestCaseError> {
    let mut rows: Vec<Row> = Vec::new();
    for row in &script.rows {
        rows.push(shelf.add(catalog, row).await);
    }
    let played = compare(catalog, shelf, script, &mut rows).await;
    for row in &rows {
        shelf.delete(catalog, row).await;
    }
    played
}

/// Compares each page with what a plain list says.
async fn compare(
    catalog: &Catalog,
    shelf: Shelf,
    script: &Script,
    rows: &mut Vec<Row>,
) -> Result<(), TestCaseError> {
    let (within, holds) = within(script.within);
    let survivors = rows.clone();
    let mut gone: Vec<usize> = Vec::new();
    let wanted = |row: &Row| {
        holds(row.place)
            && script.word.is_none_or(|word| word == row.word)
            && script.state.is_none_or(|state| state == row.state)
    };
    let (mut after, mut seen) = (After::nothing(), Vec::new());
    // The list may be longer than what happens meanwhile.
    for happening in script
        .happenings
        .iter()
        .chain(std::iter::repeat(&Happening::Nothing))
    {
        let (word, state) = (script.word, script.state);
        let page = shelf
            .page(catalog, &within, (word, state), &after, script.page)
            .await;
        let page: Vec<After> = page.into_iter().filter(|place| place.created > OLD).collect();
        let mut expected: Vec<After> = rows.iter().filter(|row| wanted(row)).map(Row::place).collect();
        expected.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        expected.retain(|place| (place.created, &place.id) < (after.created, &after.id));
        expected.truncate(script.page);
        prop_assert_eq!(&page, &expected);
        seen.extend(page.iter().cloned());
        match page.last() {
            Some(last) => after = last.clone(),
            None => break,
        }
        match happening {
            Happening::Added(row) => rows.push(shelf.add(catalog, row).await),
            Happening::Deleted(at) if !rows.is_empty() => {
                let row = rows.swap_remove(at % rows.len());
                shelf.delete(catalog, &row).await;
                gone.push(row.number);
            }
            _ => {}
        }
    }
    for row in survivors
        .iter()
        .filter(|row| wanted(row) && !gone.contains(&row.number))
    {
        let times = seen.iter().filter(|place| **place == row.place()).count();
        prop_assert_eq!(times, 1, "{:?}", row);
    }
    Ok(())
}

/// Also told by `stories` on PostgreSQL.
pub(crate) fn pages_are_the_list(runtime: &tokio::runtime::Runtime, catalog: &Catalog) {
    runtime.block_on(async {
        grant_all(catalog).await;
        Shelf::fill_bulk(catalog).await;
    });
    for shelf in [Shelf::Backups, Shelf::Jobs] {
        let config = Config {
            cases: 96,
            failure_persistence: None,
            ..Config::default()
        };
        let played = TestRunner::new(config).run(&script(), |script| {
            runtime.block_on(play(catalog, shelf, &script.on(shelf)))
        });
        if let Err(failure) = played {
            panic!("{shelf:?}: {failure}");
        }
    }
}

/// The audit log has numbers instead of moments.
pub(crate) async fn pages_of_the_audit_log(catalog: &Catalog) {
    let all = catalog.page_of_audit(i64::MAX, 100).await.unwrap();
    let mut pages = Vec::new();
    let mut before = i64::MAX;
    loop {
        let page = catalog.page_of_audit(before, 2).await.unwrap();
        catalog.add_audit(9, "bob", "see", "world", "").await.unwrap();
        match page.last() {
            Some(last) => before = last.seq,
            None => break,
        }
        pages.extend(page);
    }
    assert_eq!(pages, all);
}
