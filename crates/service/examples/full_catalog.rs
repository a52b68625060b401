//! Fills a data directory that is made for it: `full_catalog DIR` puts 1,000 sources, 100,000 backups and as many finished jobs into its
//! catalog, for `cargo xtask bench door`. There is no repository: what is measured are lists.

mod filling;

use catalog::Catalog;
use model::{Problem, Result};
use service::{Options, Service};

const SOURCES: usize = 1_000;
const BACKUPS: usize = 100_000;

fn main() -> Result<()> {
    let usage = || Problem::invalid("name the data directory").hint("full_catalog DIR");
    let data = std::env::args_os().nth(1).ok_or_else(usage)?;
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Problem::io("cannot start threads", error))?;
    runtime.block_on(fill(data.into()))
}

async fn fill(data: std::path::PathBuf) -> Result<()> {
    let service = Service::open(Options::new(&data)).await?;
    let catalog = Catalog::open_file(&data.join("catalog.db"), service.now_ms()).await?;
    filling::sources(&catalog, SOURCES).await?;
    filling::backups(&catalog, BACKUPS, SOURCES).await?;
    filling::jobs(&catalog, BACKUPS, SOURCES).await?;
    println!("{}", filling::source_id(0)?);
    catalog.close().await;
    service.close().await;
    Ok(())
}
