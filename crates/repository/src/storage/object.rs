//! A repository in an S3 bucket.
//!
//! Names are those of the folder layout below a prefix. Creation is conditional (`If-None-Match`), large files go up in parts, requests are
//! retried for a while, a length that does not fit is an error. Credentials come from the environment (`AWS_…`), never from the
//! address.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::{Kind, Problem, Result};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig,
    WriteMultipart,
};
use tokio::runtime::Runtime;

use super::{Class, Storage, Stored};
use crate::Id;

/// Larger files go up in parts.
const AT_ONCE: usize = 16 << 20;

/// A bucket, and a prefix in it.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    location: String,
    runtime: Option<Runtime>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.location)
    }
}

/// `s3:https://host[:port]/bucket[/prefix]` or `s3://bucket[/prefix]`.
struct Address {
    endpoint: Option<String>,
    bucket: String,
    prefix: String,
}

impl Address {
    fn parse(address: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Problem::invalid(format!("“{address}” is not the address of a bucket: {why}"))
                .hint("write s3:https://host/bucket/prefix, or s3://bucket/prefix")
        };
        let (endpoint, rest) = match address.strip_prefix("s3://") {
            Some(rest) => (None, rest),
            None => {
                let url = address
                    .strip_prefix("s3:")
                    .ok_or_else(|| wrong("it does not begin with s3:"))?;
                let (scheme, rest) = url
                    .split_once("://")
                    .ok_or_else(|| wrong("the host's https:// is missing"))?;
                if !matches!(scheme, "http" | "https") {
                    return Err(wrong("only http and https are spoken"));
                }
                let (host, rest) = rest
                    .split_once('/')
                    .ok_or_else(|| wrong("the bucket is missing"))?;
                if host.contains('@') {
                    return Err(Problem::invalid(
                        "credentials do not belong into an address: they would be shown and logged",
                    )
                    .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"));
                }
                (Some(format!("{scheme}://{host}")), rest)
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("the bucket is missing"));
        }
        Ok(Address {
            endpoint,
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }
}

impl Bucket {
    /// With credentials from the environment.
    pub fn open(address: &str) -> Result<Self> {
        Bucket::open_with(address, &[])
    }

    /// With settings on top of those from the environment: (name as in `AWS_…`, in lower case; value).
    pub fn open_with(address: &str, settings: &[(&str, &str)]) -> Result<Self> {
        // Another part of the process may have chosen it already: then that choice stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parsed = Address::parse(address)?;
        let plain_http = parsed
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new()
            .with_allow_http(plain_http)
            .with_timeout(Duration::from_mins(2))
            .with_connect_timeout(Duration::from_secs(15));
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: 8,
            retry_timeout: Duration::from_secs(90),
        };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&parsed.bucket)
            .with_client_options(client)
            .with_retry(retry);
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
        let store = builder
            .build()
            .map_err(|error| Problem::invalid(format!("cannot use {address}: {error}")))?;
        Bucket::over(Arc::new(store), &parsed.prefix, address)
    }

    fn over(store: Arc<dyn ObjectStore>, prefix: &str, location: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("storage")
            .enable_all()
            .build()
            .map_err(|error| Problem::io("cannot start the threads of the storage", error))?;
        Ok(Bucket {
            store,
            prefix: Path::from(prefix),
            location: location.to_owned(),
            runtime: Some(runtime),
        })
    }

    /// Runs on the storage's own threads, so that it may be called from anywhere.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> object_store::Result<T> {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                // The receiver waits until it is answered.
                let _ = send.send(work.await);
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
        let store = Arc::clone(&self.store);
        let (target, payload) = (path.clone(), bytes.to_vec());
        let put = self.wait(async move {
            if payload.len() > AT_ONCE && mode == PutMode::Overwrite {
                let mut parts =
                    WriteMultipart::new_with_chunk_size(store.put_multipart(&target).await?, 8 << 20);
                parts.write(&payload);
                return parts.finish().await.map(|_| ());
            }
            store
                .put_opts(&target, PutPayload::from(payload), mode.into())
                .await
                .map(|_| ())
        });
        put.map_err(|error| self.problem("write", &path, error))?;
        match self.stat(class, id)? {
            Some(stored) if stored.size == bytes.len() as u64 => Ok(()),
            _ => Err(Problem::new(
                Kind::Unavailable,
                format!(
                    "{path} at {} has another length than what was written",
                    self.location
                ),
            )),
        }
    }

    fn range(&self, class: Class, id: &Id, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        let path = self.path(class, id);
        let (store, target) = (Arc::clone(&self.store), path.clone());
        let length = range.as_ref().map(|range| range.end - range.start);
        let read = self.wait(async move {
            match range {
                Some(range) => store.get_range(&target, range).await.map(|bytes| (bytes, None)),
                None => {
                    let answer = store.get(&target).await?;
                    let size = answer.meta.size;
                    Ok((answer.bytes().await?, Some(size)))
                }
            }
        });
        let (bytes, size) = read.map_err(|error| self.problem("read", &path, error))?;
        match length.or(size) {
            Some(wanted) if wanted != bytes.len() as u64 => Err(Problem::damaged(format!(
                "{path} at {}: {} bytes came instead of {wanted}",
                self.location,
                bytes.len()
            ))),
            _ => Ok(bytes.to_vec()),
        }
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
        let (store, below) = (Arc::clone(&self.store), folder.clone());
        let listed = self.wait(async move {
            let mut stream = store.list(Some(&below));
            let mut found = Vec::new();
            while let Some(meta) = futures_next(&mut stream).await {
                found.push(meta?);
            }
            Ok(found)
        });
        let listed = listed.map_err(|error| self.problem("list", &folder, error))?;
        let stored = |meta: object_store::ObjectMeta| {
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
        let (store, target) = (Arc::clone(&self.store), path.clone());
        match self.wait(async move { store.head(&target).await }) {
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
        let (store, target) = (Arc::clone(&self.store), path.clone());
        match self.wait(async move { store.delete(&target).await }) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.problem("delete", &path, error)),
        }
    }

    /// What a bucket has answered to is durable.
    fn settle(&self, _: Class) -> Result<()> {
        Ok(())
    }
}

/// The next item of a stream, without a crate for streams.
async fn futures_next<S: futures_core::Stream + Unpin + ?Sized>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_next(context)).await
}
