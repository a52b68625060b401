//! Connections: lets them in, serves each on a task of its own, and sees them off.
//!
//! Rules: who is one too many is answered in one line and closed (`guests`); who is slow is not waited for (`patience`); the head of a request
//! has a size. Requests on one connection are answered in their order. Told to leave, no more are let in, those that are idle are
//! closed, and the others have a while to end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use model::Cancel;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_layer::Layer as _;

use super::door::Door;
use super::guests::{Full, Guest};
use super::patience::Sending;

/// How long open connections have when the process leaves.
const FAREWELL: Duration = Duration::from_secs(5);
/// After no connection could be let in for want of something.
const BREATH: Duration = Duration::from_millis(100);
const LARGEST_HEAD: usize = 128 << 10;

async fn told(stop: &Cancel) {
    while !stop.is_cancelled() {
        tokio::time::sleep(BREATH).await;
    }
}

/// Serves until told to leave.
pub(super) async fn serve<A>(door: &Door, listener: TcpListener, app: A, stop: &Cancel)
where
    A: tower_service::Service<Request<Incoming>, Response = Response, Error = std::convert::Infallible>
        + Clone
        + Send
        + 'static,
    A::Future: Send,
{
    let (leave, leaving) = watch::channel(false);
    let mut connections = JoinSet::new();
    let stopped = told(stop);
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) => {
                if let Some((stream, guest)) = let_in(door, stream, from) {
                    let app = Extension(ConnectInfo(from)).layer(app.clone());
                    connections.spawn(attend(door.clone(), stream, guest, app, leaving.clone()));
                }
            }
            Err(error) => {
                tracing::warn!("a connection cannot be let in: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    let _ = leave.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, all).await;
}

fn let_in(door: &Door, stream: TcpStream, from: SocketAddr) -> Option<(TcpStream, Guest)> {
    let here = stream.local_addr().ok()?;
    let _ = stream.set_nodelay(true);
    let refusal = match door.guests().enter(from, here, door.is_trusted(from)) {
        Ok(guest) => return Some((stream, guest)),
        Err(Full::House) => "503 Service Unavailable",
        Err(Full::Place) => "429 Too Many Requests",
    };
    let answer = format!(
        "HTTP/1.1 {refusal}\r\nRetry-After: 10\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    // Whoever does not read it at once is not waited for.
    let _ = stream.try_write(answer.as_bytes());
    None
}

async fn to_leave(leaving: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could tell it.
    let _ = leaving.wait_for(|leave| *leave).await;
}

async fn attend<A>(door: Door, stream: TcpStream, guest: Guest, app: A, mut leaving: watch::Receiver<bool>)
where
    A: tower_service::Service<Request<Incoming>, Response = Response<Body>, Error = std::convert::Infallible>
        + Clone
        + Send
        + 'static,
    A::Future: Send,
{
    let bounds = door.bounds();
    let io = TokioIo::new(Sending::new(stream, bounds.unread));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(io, TowerToHyperService::new(app));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = to_leave(&mut leaving) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
    drop(guest);
}
