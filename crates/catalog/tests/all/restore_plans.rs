//! The story of plans: remembered, found by their hash, carried out, forgotten.

use catalog::Catalog;
use catalog::plans::PlanRow;

pub(crate) async fn plans(catalog: &Catalog) {
    let row = PlanRow {
        id: "p".into(),
        hash: "abcd".into(),
        target: "s1".into(),
        created: 1,
        expires: 100,
        document: "{}".into(),
    };
    catalog.add_plan(&row).await.unwrap();
    assert_eq!(catalog.plan("p").await.unwrap(), Some(row.clone()));
    assert_eq!(
        catalog.find_plans("ab", 50).await.unwrap(),
        std::slice::from_ref(&row)
    );
    assert_eq!(catalog.find_plans("ab", 100).await.unwrap(), []);
    assert_eq!(catalog.find_plans("%", 50).await.unwrap(), []);
    catalog.delete_expired_plans(101).await.unwrap();
    assert_eq!(catalog.plan("p").await.unwrap(), None);
    // Of those that nobody carries out the newest few stay, and none for longer than it holds.
    let named = |number: i64| PlanRow {
        id: format!("p{number}"),
        created: number,
        ..row.clone()
    };
    for number in 1..=catalog::plans::MOST_UNUSED + 2 {
        catalog.add_plan(&named(number)).await.unwrap();
        if number == 1 {
            catalog.use_plan("p1").await.unwrap();
        }
    }
    let there = async |id: &str| catalog.plan(id).await.unwrap().is_some();
    assert!(there("p1").await && there("p3").await && !there("p2").await);
    catalog.delete_unused_plans(100).await.unwrap();
    assert!(there("p3").await);
    catalog.delete_unused_plans(101).await.unwrap();
    assert!(there("p1").await && !there("p3").await);
}
