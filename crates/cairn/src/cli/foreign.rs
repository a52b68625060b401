//! Commands about snapshots that other programs made in the repository.

use model::Result;
use serde_json::json;
use service::{AdoptRequest, ForeignSnapshot, Service};

use super::arguments::Adopt;
use super::backups::made;
use super::watch::watch;
use crate::cli::output::{Output, columns, size, when};

pub(crate) async fn list(service: &Service, limit: u32, output: Output) -> Result<u8> {
    let mut found = service.foreign_snapshots().await?;
    found.truncate(limit as usize);
    output.answer(&json!(found), || table(&found))?;
    if !found.is_empty() {
        output.say("To make one a backup: cairn adopt ID; to look into it: cairn ls ID");
    }
    Ok(0)
}

fn table(found: &[ForeignSnapshot]) -> String {
    let heading = ["ID", "CREATED", "HOST", "FILES", "SIZE", "ADOPTED", "PATHS"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|one| {
        vec![
            one.snapshot.get(..8).unwrap_or_default().to_owned(),
            when(one.created_ms),
            one.hostname.clone(),
            one.files.map(|files| files.to_string()).unwrap_or_default(),
            one.bytes.map(size).unwrap_or_default(),
            if one.adopted.is_empty() { "no" } else { "yes" }.to_owned(),
            one.paths.join(", "),
        ]
    }));
    columns(&rows)
}

pub(crate) async fn adopt(service: &Service, words: Adopt, output: Output) -> Result<u8> {
    let request = AdoptRequest {
        snapshot: words.snapshot,
        source: words.source,
        paths: words.paths,
        name: words.name,
    };
    let request = &request;
    let done = watch(output, |progress, cancel| async move {
        service.adopt_snapshot(request, &progress, &cancel).await
    })
    .await?;
    made(&done, output)
}
