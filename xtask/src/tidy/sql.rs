//! Every SQL statement of Cairn's own database is in `catalog`.
//!
//! `sources` and `testkit` hold SQL of other people's databases; tests build samples of those. A string is taken for
//! SQL by the shape of its beginning, in any letter case, so that a sentence such as "Select the parts" is not.

use super::finding::Finding;
use super::project::Project;
use super::tokens::Token;
use crate::files::File;

const WITHOUT_SQL: [&str; 4] = [
    "crates/model/",
    "crates/repository/",
    "crates/service/",
    "crates/cairn/",
];
/// What may follow the table's name in a query.
const AFTER_TABLE: [&str; 12] = [
    "where", "order", "limit", "group", "join", "left", "inner", "as", "union", "having", "for", "cross",
];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let rooms = project
        .rust()
        .filter(|(file, _)| WITHOUT_SQL.iter().any(|room| file.path.starts_with(room)));
    rooms
        .flat_map(|(file, tokens)| statements(file, tokens))
        .collect()
}

fn statements(file: &File, tokens: &[Token]) -> Vec<Finding> {
    let product = tokens.iter().filter(|token| !token.in_test);
    let sql = product.filter(|token| token.text().is_some_and(is_sql));
    sql.map(|token| Finding {
        path: file.path.clone(),
        line: token.line,
        what: "a SQL statement outside `catalog`".to_owned(),
        why: "each statement is prepared by a test on SQLite and on PostgreSQL; those tests look into `catalog` only",
        remedy: "move the statement into the file of its table in crates/catalog/src and call a function of that file"
            .to_owned(),
    })
    .collect()
}

fn is_sql(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    match words.as_slice() {
        ["select", rest @ ..] => is_query(rest),
        ["delete", "from", _, next, ..] => *next == "where",
        ["update", _, "set", column, ..] => rest_assigns(column, &words),
        [
            "create" | "alter" | "drop",
            "table" | "index" | "view" | "trigger" | "unique" | "temp" | "temporary",
            _,
            ..,
        ]
        | ["insert", "into", _, ..]
        | ["insert", "or", _, "into", ..]
        | ["delete", "from", _]
        | ["pragma", _, ..]
        | ["begin", "immediate" | "exclusive" | "transaction"] => true,
        ["with", _, "as", next, ..] => next.starts_with('('),
        _ => false,
    }
}

/// After `select`: columns without a blank inside one, `from`, a table, and then nothing or a clause.
fn is_query(words: &[&str]) -> bool {
    let Some(from) = words.iter().position(|word| *word == "from") else {
        return words
            .first()
            .is_some_and(|word| word.contains('(') || word.starts_with(|c: char| c.is_ascii_digit()));
    };
    let ends = |word: &&str| AFTER_TABLE.contains(word) || word.starts_with([',', ')', ';']);
    from > 0 && words.get(from + 1).is_some() && words.get(from + 2).is_none_or(ends)
}

fn rest_assigns(column: &str, words: &[&str]) -> bool {
    column.contains('=') || words.get(4).is_some_and(|word| word.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Project::sample(&[(path, text)]))
            .into_iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn statements_of_every_sort_are_recognised_in_any_case() {
        for sql in [
            "SELECT id, name FROM jobs WHERE id = $1",
            "select * from jobs",
            "SELECT COUNT(*) FROM jobs",
            "SELECT 1",
            "INSERT INTO jobs (id) VALUES ($1)",
            "UPDATE jobs SET state = $1",
            "DELETE FROM jobs",
            "delete from jobs where id = $1",
            "CREATE TABLE jobs (id TEXT)",
            "PRAGMA journal_mode = WAL",
            "WITH due AS (SELECT id FROM jobs) SELECT id FROM due",
            "BEGIN IMMEDIATE",
        ] {
            assert!(is_sql(sql), "{sql}");
        }
    }

    #[test]
    fn sentences_are_not_taken_for_sql() {
        for sentence in [
            "Select the parts from the list of the backup",
            "delete from the repository what nobody uses",
            "update the set of parts",
            "With a name as its label",
            "Create a backup",
            "select",
        ] {
            assert!(!is_sql(sentence), "{sentence}");
        }
    }

    #[test]
    fn the_service_holds_no_sql_and_the_catalog_and_sources_do() {
        let text = "//! Head.\nconst A: &str =\n    \"SELECT id FROM jobs\";";
        assert_eq!(lines("crates/service/src/a.rs", text), [3]);
        assert_eq!(
            lines(
                "crates/cairn/src/a.rs",
                &text.replace("\"SELECT id FROM jobs\"", "r#\"SELECT\n id FROM jobs\"#")
            ),
            [3]
        );
        assert!(lines("crates/catalog/src/jobs.rs", text).is_empty());
        assert!(lines("crates/sources/src/sqlite/a.rs", text).is_empty());
        assert!(lines("crates/service/tests/all/a.rs", text).is_empty());
    }
}
