//! How long a bucket is waited for, and what is worth asking again.
//!
//! Nouns: *patience* bounds one request and all its repetitions together. Rules: the client repeats what servers and networks refuse
//! (500, 503, a broken connection) by itself; here an answer is asked for again that came but cannot be right (an empty body, a wrong
//! length, a listing that is none), and what the client does not dare to repeat. Everything asked is safe to repeat.
//!
//! A slow server is waited for, a dead one is not: whoever got no answer for a while asks whether anybody is there at all ([`Pulse`]), and
//! gives up when nobody is. So a dead server is told within [`Patience::silence`] and [`Patience::probe`] together, while a few megabytes may
//! take minutes on a slow line. Once it was found dead, every further request begins with that question, and has less time for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt, RetryConfig};

/// Answers that are wrong or lost are asked for again so many times.
const REPETITIONS: u32 = 5;

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one request: a few megabytes on a slow line.
    pub request: Duration,
    /// No request is repeated later than this after the first.
    pub total: Duration,
    /// Before the first repetition; then longer and longer.
    pub pause: Duration,
    /// After so long without an answer it is asked whether the server is there.
    pub silence: Duration,
    /// So long that question may take.
    pub probe: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(15),
            request: Duration::from_mins(2),
            total: Duration::from_secs(90),
            pause: Duration::from_millis(100),
            silence: Duration::from_secs(10),
            probe: Duration::from_secs(8),
        }
    }
}

impl Patience {
    pub(super) fn client(&self) -> ClientOptions {
        ClientOptions::new()
            .with_timeout(self.request)
            .with_connect_timeout(self.connect)
    }

    pub(super) fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: self.pause,
                max_backoff: self.pause * 50,
                base: 2.0,
            },
            max_retries: 40,
            retry_timeout: self.total,
        }
    }

    /// Of the question whether the server is there: asked once.
    pub(super) fn probing_client(&self) -> ClientOptions {
        ClientOptions::new()
            .with_timeout(self.probe)
            .with_connect_timeout(self.probe)
    }

    pub(super) fn no_retry() -> RetryConfig {
        RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        }
    }

    /// Asks until there is a good answer, a clear no, or no patience left.
    pub(super) async fn insist<T, F>(self, ask: impl Fn() -> F) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let began = Instant::now();
        let mut pause = self.pause;
        for _ in 0..REPETITIONS {
            match ask().await {
                Err(error) if is_passing(&error) && began.elapsed() + pause < self.total => {}
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        ask().await
    }
}

/// Is the server there?
pub(super) struct Pulse {
    /// Asks once, and not for long.
    store: Arc<dyn ObjectStore>,
    /// Of something that may or may not exist.
    path: Path,
    patience: Patience,
    /// It was found dead, and has not answered since.
    is_dead: AtomicBool,
}

impl Pulse {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, patience: Patience) -> Self {
        Pulse {
            store,
            path,
            patience,
            is_dead: AtomicBool::new(false),
        }
    }

    /// Does what is asked, unless the server turns out to be dead meanwhile.
    pub(super) async fn watch<T>(
        &self,
        ask: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        if self.is_dead.load(Relaxed) {
            // Whoever cleans up after a failure does not wait as long for each thing again.
            self.feel(self.patience.probe / 4).await?;
        }
        let mut ask = std::pin::pin!(ask);
        loop {
            match tokio::time::timeout(self.patience.silence, &mut ask).await {
                Ok(answer) => return answer,
                Err(_) => self.feel(self.patience.probe).await?,
            }
        }
    }

    /// Any answer at all is a sign of life, also a refusal.
    async fn feel(&self, within: Duration) -> object_store::Result<()> {
        let asked = tokio::time::timeout(within, self.store.head(&self.path)).await;
        let dead = match asked {
            Ok(Err(error)) if !is_an_answer(&error) => Some(error.to_string()),
            Ok(_) => None,
            Err(_) => Some("it takes connections or packets, and does not answer".to_owned()),
        };
        self.is_dead.store(dead.is_some(), Relaxed);
        dead.map_or(Ok(()), |why| {
            Err(Error::Generic {
                store: "S3",
                source: format!("the server does not answer: {why}").into(),
            })
        })
    }
}

/// Everything but what the client says of itself came from the server.
fn is_an_answer(error: &Error) -> bool {
    match error {
        Error::Generic { source, .. } => source.to_string().contains("non-2xx status code"),
        _ => true,
    }
}

/// An answer that came, but cannot be right.
pub(super) fn wrong_answer(what: &str) -> Error {
    Error::Generic {
        store: "S3",
        source: format!("the server's answer is wrong: {what}").into(),
    }
}

/// Did the server answer with this status? The client tells it only in its text.
pub(super) fn has_status(error: &Error, status: u16) -> bool {
    error
        .to_string()
        .contains(&format!("non-2xx status code: {status}"))
}

/// May the next answer be another one? A status has been judged by the client, and asked for again.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Generic { source, .. } => !source.to_string().contains("non-2xx status code"),
        Error::NotSupported { .. } => true,
        _ => false,
    }
}
