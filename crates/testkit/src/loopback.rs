//! Small servers on the loopback, for what asks servers: HTTP, a panel's power, a game's console.
//!
//! Each listens on a port of its own that the system chose, serves one connection after the other on a thread, remembers
//! what it was asked, and ends with the value that stands for it. Nothing in here waits for time: what is slow is counted
//! in requests, and a server that never answers hangs up when it ends.

mod console;
mod http;
mod panel;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub use console::FakeConsole;
pub use http::{FakeHttp, Reply, Request};
pub use panel::FakePanel;

/// A listener with its thread.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    current: Arc<Mutex<Option<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Serves each connection with the function.
    ///
    /// # Panics
    /// When the loopback cannot be listened on.
    pub fn serve(mut each: impl FnMut(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (ending, current) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (end, now) = (ending.clone(), current.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *locked(&now) = stream.try_clone().ok();
                if end.load(SeqCst) {
                    return;
                }
                each(stream);
                hang_up(&now);
            }
        });
        Loopback {
            address,
            ending,
            current,
            thread: Some(thread),
        }
    }

    /// Takes connections and never says a word.
    pub fn silent() -> Self {
        Loopback::serve(|mut stream| {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        })
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.ending.store(true, SeqCst);
        hang_up(&self.current);
        // It waits for somebody to come.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hang_up(current: &Mutex<Option<TcpStream>>) {
    if let Some(stream) = locked(current).take() {
        // The other side may have done so before.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// What was there stays, whoever fell over with it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address on which nobody listens: a port that was just given back.
///
/// # Panics
/// When the loopback cannot be listened on.
pub fn deserted() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    listener
        .local_addr()
        .expect("a listener has an address")
        .to_string()
}
