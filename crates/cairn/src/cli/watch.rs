//! Shows how far work is, and lets a signal stop it (`signals`).
//!
//! On a terminal a bar with rate and remaining time; otherwise nothing, or NDJSON lines with `--json` and `-v`.

use std::future::Future;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use model::{Cancel, Progress, Result, Seen};
use service::WAITING_FOR_A_LOCK;

use super::signals::Stopping;
use crate::cli::output::Output;

const TICK: Duration = Duration::from_millis(100);

/// Runs the work and watches it.
pub(crate) async fn watch<T, F: Future<Output = Result<T>>>(
    output: Output,
    work: impl FnOnce(Progress, Cancel) -> F,
) -> Result<T> {
    let (progress, cancel) = (Progress::new(), Cancel::new());
    let _stopping = Stopping::begin(&cancel, "stopping; press Ctrl-C again to leave at once")?;
    let bar = output.is_interactive().then(bar);
    let work = work(progress.clone(), cancel.clone());
    tokio::pin!(work);
    let mut said = String::new();
    loop {
        tokio::select! {
            done = &mut work => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return done;
            }
            () = tokio::time::sleep(TICK) => {
                let seen = progress.seen();
                match &bar {
                    Some(bar) => show(bar, &seen),
                    None => say_what_is_waited_for(output, &seen, &mut said),
                }
            }
        }
    }
}

/// Where no bar shows it, a line: who sees nothing happen wants to know why.
fn say_what_is_waited_for(output: Output, seen: &Seen, said: &mut String) {
    if seen.phase.starts_with(WAITING_FOR_A_LOCK) && *said != seen.phase {
        said.clone_from(&seen.phase);
        output.say(said);
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(spinner());
    bar
}

fn spinner() -> ProgressStyle {
    let style =
        ProgressStyle::with_template("{spinner} {prefix}  {bytes}  {binary_bytes_per_sec}  {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn whole() -> ProgressStyle {
    let style = ProgressStyle::with_template(
        "{prefix}  {bar:30}  {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta}  {wide_msg}",
    );
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn show(bar: &ProgressBar, seen: &Seen) {
    bar.set_prefix(seen.phase.clone());
    bar.set_message(if seen.item.is_empty() {
        format!("{} items", seen.items_done)
    } else {
        seen.item.clone()
    });
    if seen.bytes_total > 0 && bar.length() != Some(seen.bytes_total) {
        bar.set_length(seen.bytes_total);
        bar.set_style(whole());
    } else if seen.bytes_total == 0 && bar.length() != Some(0) {
        bar.set_length(0);
        bar.set_style(spinner());
    }
    bar.set_position(seen.bytes_done);
}
