//! A repository in an S3 bucket.
//!
//! Names are those of the folder layout below a prefix. Creation is conditional (`If-None-Match`), large files go up in parts, requests are
//! retried for a while (a server that is dead is told soon, see `patience`), a length that does not fit is an error. Credentials come from the environment (`AWS_…`), never from the
//! address.

mod address;
mod patience;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Kind, Problem, Result};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig,
    WriteMultipart,
};
use tokio::runtime::Runtime;

pub use patience::Patience;

use super::{Class, Storage, Stored};
use crate::Id;
use address::Address;
use patience::{Pulse, has_status, wrong_answer};

/// Larger files go up in parts.
const AT_ONCE: u64 = 16 << 20;

/// A bucket, and a prefix in it.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    pulse: Arc<Pulse>,
    prefix: Path,
    location: String,
    patience: Patience,
    runtime: Option<Runtime>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.location)
    }
}

impl Bucket {
    /// With credentials from the environment.
    pub fn open(address: &str) -> Result<Self> {
        Bucket::open_with(address, &[])
    }

    /// With settings on top of those from the environment: (name as in `AWS_…`, in lower case; value).
    pub fn open_with(address: &str, settings: &[(&str, &str)]) -> Result<Self> {
        Bucket::open_patiently(address, settings, &Patience::default())
    }

    /// As `open_with`, with more or less patience than usual.
    pub fn open_patiently(address: &str, settings: &[(&str, &str)], patience: &Patience) -> Result<Self> {
        // Another part of the process may have chosen it already: then that choice stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parsed = Address::parse(address)?;
        let plain_http = parsed
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&parsed.bucket)
            // Every server knows how to delete one thing, and repeating that is harmless.
            .with_disable_bulk_delete(true);
        if let Some(endpoint) = &parsed.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        for (name, value) in settings {
            let key = name
                .parse()
                .map_err(|_| Problem::invalid(format!("“{name}” is no setting of a bucket")))?;
            builder = builder.with_config(key, *value);
        }
        if std::env::var_os("AWS_REGION").is_none() && std::env::var_os("AWS_DEFAULT_REGION").is_none() {
            builder = builder.with_region("us-east-1");
        }
        let build = |client: ClientOptions, retry: RetryConfig| -> Result<Arc<dyn ObjectStore>> {
            let builder = builder.clone();
            let client = client.with_allow_http(plain_http);
            let built = builder.with_client_options(client).with_retry(retry).build();
            let store = built.map_err(|error| Problem::invalid(format!("cannot use {address}: {error}")))?;
            Ok(Arc::new(store))
        };
        let store = build(patience.client(), patience.retry())?;
        let prefix = Path::from(parsed.prefix);
        let asked = build(patience.probing_client(), Patience::no_retry())?;
        let pulse = Pulse::new(asked, prefix.clone().join("config"), *patience);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("storage")
            .enable_all()
            .build()
            .map_err(|error| Problem::io("cannot start the threads of the storage", error))?;
        Ok(Bucket {
            store,
            pulse: Arc::new(pulse),
            prefix,
            location: address.to_owned(),
            patience: *patience,
            runtime: Some(runtime),
        })
    }

    /// Asks with patience, on the storage's own threads, so that it may be called from anywhere.
    fn insist<T, F>(
        &self,
        ask: impl Fn(Arc<dyn ObjectStore>) -> F + Send + Sync + 'static,
    ) -> object_store::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let (store, patience) = (Arc::clone(&self.store), self.patience);
        let pulse = Arc::clone(&self.pulse);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                let asked = patience.insist(|| ask(Arc::clone(&store)));
                let answer = pulse.watch(asked).await;
                // The receiver waits until it is answered.
                let _ = send.send(answer);
            });
        }
        let stopped = |_| object_store::Error::Generic {
            store: "storage",
            source: "its threads have stopped".into(),
        };
        receive.recv().map_err(stopped)?
    }

    fn path(&self, class: Class, id: &Id) -> Path {
        let name = id.hex();
        match class {
            Class::Config => self.prefix.clone().join("config"),
            Class::Pack => self.prefix.clone().join("data").join(&name[..2]).join(name),
            _ => self.folder(class).join(name),
        }
    }

    fn folder(&self, class: Class) -> Path {
        let name = match class {
            Class::Config => return self.prefix.clone(),
            Class::Key => "keys",
            Class::Snapshot => "snapshots",
            Class::Index => "index",
            Class::Lock => "locks",
            Class::Pack => "data",
            Class::Damage => "damaged",
        };
        self.prefix.clone().join(name)
    }

    fn problem(&self, doing: &str, path: &Path, error: object_store::Error) -> Problem {
        let kind = match &error {
            object_store::Error::NotFound { .. } => Kind::NotFound,
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                Kind::Conflict
            }
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Kind::Refused
            }
            _ => Kind::Unavailable,
        };
        let problem = Problem::new(
            kind,
            format!("cannot {doing} {path} at {}: {error}", self.location),
        );
        let problem = match kind {
            Kind::Refused => {
                problem.hint("check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights of that key")
            }
            Kind::Unavailable => {
                problem.hint("check the address and the network; what was uploaded is used again")
            }
            _ => problem,
        };
        problem.caused_by(error)
    }

    fn put_with(&self, class: Class, id: &Id, bytes: &[u8], mode: PutMode) -> Result<()> {
        let path = self.path(class, id);
        let (target, payload) = (path.clone(), PutPayload::from(bytes.to_vec()));
        let put = self.insist(move |store| upload(store, target.clone(), payload.clone(), mode.clone()));
        put.map_err(|error| self.problem("write", &path, error))
    }

    fn range(&self, class: Class, id: &Id, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        let path = self.path(class, id);
        let wanted = range.as_ref().map(|range| range.end - range.start);
        let target = path.clone();
        let read = self.insist(move |store| download(store, target.clone(), range.clone()));
        let is_short = match &read {
            Ok(bytes) => wanted.is_some_and(|wanted| wanted != bytes.len() as u64),
            Err(error) => has_status(error, 416),
        };
        if is_short {
            return Err(Problem::damaged(format!(
                "{path} at {} is shorter than it must be",
                self.location
            )));
        }
        read.map_err(|error| self.problem("read", &path, error))
    }
}

/// Writes, and looks whether it arrived.
async fn upload(
    store: Arc<dyn ObjectStore>,
    target: Path,
    payload: PutPayload,
    mode: PutMode,
) -> object_store::Result<()> {
    let length = payload.content_length() as u64;
    if length > AT_ONCE && mode == PutMode::Overwrite {
        let mut parts = WriteMultipart::new_with_chunk_size(store.put_multipart(&target).await?, 8 << 20);
        for part in payload {
            parts.put(part);
        }
        parts.finish().await?;
    } else {
        match store.put_opts(&target, payload.clone(), mode.into()).await {
            // It may be there from the last time we asked, whose answer was lost.
            Err(error @ object_store::Error::AlreadyExists { .. }) => {
                let there = store.get(&target).await?.bytes().await?;
                if !payload.iter().flatten().eq(there.iter()) {
                    return Err(error);
                }
            }
            written => written.map(|_| ())?,
        }
    }
    match store.head(&target).await {
        Ok(meta) if meta.size == length => Ok(()),
        Ok(meta) => Err(wrong_answer(&format!("{} of {length} bytes arrived", meta.size))),
        Err(object_store::Error::NotFound { .. }) => Err(wrong_answer("what it has taken is not there")),
        Err(error) => Err(error),
    }
}

/// All of it, or of this range what there is.
async fn download(
    store: Arc<dyn ObjectStore>,
    target: Path,
    range: Option<Range<u64>>,
) -> object_store::Result<Vec<u8>> {
    let options = GetOptions {
        range: range.map(Into::into),
        ..GetOptions::default()
    };
    let answer = store.get_opts(&target, options).await?;
    let promised = answer.range.end - answer.range.start;
    let bytes = answer.bytes().await?;
    match bytes.len() as u64 {
        // No file of a repository is empty.
        0 => Err(wrong_answer("its body is empty")),
        length if length != promised => Err(wrong_answer(&format!(
            "{length} bytes came instead of {promised}"
        ))),
        _ => Ok(bytes.to_vec()),
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // A runtime must not be waited for inside of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Storage for Bucket {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn put(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.put_with(class, id, bytes, PutMode::Overwrite)
    }

    fn put_new(&self, class: Class, id: &Id, bytes: &[u8]) -> Result<()> {
        self.put_with(class, id, bytes, PutMode::Create)
    }

    fn get(&self, class: Class, id: &Id) -> Result<Vec<u8>> {
        self.range(class, id, None)
    }

    fn get_range(&self, class: Class, id: &Id, offset: u64, length: usize) -> Result<Vec<u8>> {
        if length == 0 {
            return Ok(Vec::new());
        }
        self.range(class, id, Some(offset..offset + length as u64))
    }

    fn list(&self, class: Class) -> Result<Vec<Stored>> {
        if class == Class::Config {
            return Ok(self.stat(class, &Id::default())?.into_iter().collect());
        }
        let folder = self.folder(class);
        let below = folder.clone();
        let listed = self.insist(move |store| all_below(store, below.clone()));
        let listed = listed.map_err(|error| self.problem("list", &folder, error))?;
        let stored = |meta: ObjectMeta| {
            let id = Id::parse(meta.location.filename()?).ok()?;
            Some(Stored {
                id,
                size: meta.size,
                modified_ms: Some(meta.last_modified.timestamp_millis()),
            })
        };
        Ok(listed.into_iter().filter_map(stored).collect())
    }

    fn stat(&self, class: Class, id: &Id) -> Result<Option<Stored>> {
        let path = self.path(class, id);
        let target = path.clone();
        let was_empty = Arc::new(AtomicBool::new(false));
        match self.insist(move |store| look(store, target.clone(), Arc::clone(&was_empty))) {
            Ok(meta) => {
                let modified_ms = Some(meta.last_modified.timestamp_millis());
                Ok(Some(Stored {
                    id: *id,
                    size: meta.size,
                    modified_ms,
                }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.problem("look at", &path, error)),
        }
    }

    fn delete(&self, class: Class, id: &Id) -> Result<()> {
        let path = self.path(class, id);
        let target = path.clone();
        match self.insist(move |store| remove(store, target.clone())) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.problem("delete", &path, error)),
        }
    }

    /// What a bucket has answered to is durable.
    fn settle(&self, _: Class) -> Result<()> {
        Ok(())
    }
}

async fn all_below(store: Arc<dyn ObjectStore>, below: Path) -> object_store::Result<Vec<ObjectMeta>> {
    let mut stream = store.list(Some(&below));
    let mut found = Vec::new();
    while let Some(meta) = futures_next(&mut stream).await {
        found.push(meta?);
    }
    Ok(found)
}

/// That something is empty is believed when it is said twice.
async fn look(
    store: Arc<dyn ObjectStore>,
    target: Path,
    was_empty: Arc<AtomicBool>,
) -> object_store::Result<ObjectMeta> {
    let meta = store.head(&target).await?;
    if meta.size == 0 && !was_empty.swap(true, Ordering::Relaxed) {
        return Err(wrong_answer("it says that nothing is in it"));
    }
    Ok(meta)
}

async fn remove(store: Arc<dyn ObjectStore>, target: Path) -> object_store::Result<()> {
    store.delete(&target).await
}

/// The next item of a stream, without a crate for streams.
async fn futures_next<S: futures_core::Stream + Unpin + ?Sized>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_next(context)).await
}
