//! How long a bucket is waited for, and what is worth asking again.
//!
//! Nouns: *patience* bounds one request and all its repetitions together. Rules: the client repeats what servers and networks refuse
//! (500, 503, a broken connection) by itself; here an answer is asked for again that came but cannot be right (an empty body, a wrong
//! length, a listing that is none), and what the client does not dare to repeat. Everything asked is safe to repeat.

use std::time::{Duration, Instant};

use object_store::{BackoffConfig, ClientOptions, Error, RetryConfig};

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
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(15),
            request: Duration::from_mins(2),
            total: Duration::from_secs(90),
            pause: Duration::from_millis(100),
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
