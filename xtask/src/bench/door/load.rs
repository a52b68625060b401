//! Many clients at once: as fast as they can, or so many requests a second.
//!
//! Rule: at a pace, a request's time begins when it was due and not when it was sent, so that a server that stands still is not spared the
//! requests that would have come meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::run::Outcome;

/// What is asked for.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) address: String,
    pub(super) path: String,
    pub(super) token: Option<String>,
}

impl Request {
    pub(super) fn client(&self) -> Outcome<Client> {
        Client::connect(&self.address, self.token.as_deref())
    }
}

/// Runs one piece of work on each of so many threads; all that they tell.
fn on_threads<T: Send + 'static>(
    count: u32,
    work: impl Fn(u32) -> Outcome<T> + Clone + Send + 'static,
) -> Outcome<Vec<T>> {
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let work = work.clone();
            thread::spawn(move || work(number))
        })
        .collect();
    let done = threads.into_iter().map(|thread| {
        let outcome = thread.join();
        outcome.map_err(|_| "a client of the bench ended unexpectedly".to_owned())?
    });
    done.collect()
}

/// Requests a second, when each client asks again as soon as it was answered.
pub(super) fn flood(request: &Request, clients: u32, lasting: Duration) -> Outcome<f64> {
    let request = request.clone();
    let begin = Instant::now();
    let counts = on_threads(clients, move |_| {
        let (mut client, mut count) = (request.client()?, 0_u64);
        while begin.elapsed() < lasting {
            client.get(&request.path)?;
            count += 1;
        }
        Ok(count)
    })?;
    Ok(counts.iter().sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
}

/// Times in milliseconds, when so many requests a second come whatever becomes of those before.
pub(super) fn pace(request: &Request, a_second: u32, clients: u32, lasting: Duration) -> Outcome<Vec<f64>> {
    let request = request.clone();
    let total = (f64::from(a_second) * lasting.as_secs_f64()) as u32;
    let begin = Instant::now();
    let times = on_threads(clients, move |first| {
        let (mut client, mut times) = (request.client()?, Vec::new());
        for number in (first..total).step_by(clients as usize) {
            let due = begin + Duration::from_secs_f64(f64::from(number) / f64::from(a_second));
            thread::sleep(due.saturating_duration_since(Instant::now()));
            client.get(&request.path)?;
            times.push(due.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(times)
    })?;
    Ok(times.concat())
}

/// So many downloads at a time, each read at no more than this pace; the bytes that came.
pub(super) fn sip(requests: &[Request], bytes_a_second: u64, lasting: Duration) -> Outcome<u64> {
    let all = requests.to_vec();
    let begin = Instant::now();
    let counts = on_threads(requests.len() as u32, move |number| {
        let request = &all[number as usize];
        let (mut client, mut count) = (request.client()?, 0_u64);
        let asked = client.ask(&request.path, &mut |piece| {
            count += piece.len() as u64;
            let due = begin + Duration::from_secs_f64(count as f64 / bytes_a_second as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if begin.elapsed() < lasting {
                Ok(())
            } else {
                Err(String::new())
            }
        });
        match asked {
            // Enough was read.
            Err(sentence) if sentence.is_empty() => Ok(count),
            Err(sentence) => Err(sentence),
            Ok(200) => Err("a download was at its end before the time: take a larger backup".to_owned()),
            Ok(status) => Err(format!("a download was answered with {status}")),
        }
    })?;
    Ok(counts.iter().sum())
}

/// The time below which 99 of 100 lie.
pub(super) fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let last = times.len().saturating_sub(1) as f64;
    times
        .get((last * 0.99).ceil() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_times_the_slowest_but_one_counts() {
        assert!((p99((1..=101).map(f64::from).collect()) - 100.0).abs() < 1e-9);
        assert!(p99(Vec::new()).is_nan());
    }
}
