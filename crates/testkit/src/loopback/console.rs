//! A game's console that speaks Source RCON.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::{Loopback, locked};

#[derive(Debug)]
pub struct FakeConsole {
    server: Loopback,
    lines: Arc<Mutex<Vec<String>>>,
}

impl FakeConsole {
    /// Answers every line in two packets, and hangs up without an answer to `stop`.
    pub fn start(password: &str) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (heard, password) = (lines.clone(), password.to_owned());
        let server = Loopback::serve(move |mut stream| {
            // Whoever hangs up, hangs up.
            let _ = converse(&mut stream, &password, &heard);
        });
        FakeConsole { server, lines }
    }

    pub fn address(&self) -> String {
        self.server.address()
    }

    /// The lines that were sent by who knew the password.
    pub fn lines(&self) -> Vec<String> {
        locked(&self.lines).clone()
    }
}

fn converse(stream: &mut TcpStream, password: &str, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut signed_in = false;
    loop {
        let (id, kind, text) = read(stream)?;
        match kind {
            3 => {
                signed_in = text == password;
                write(stream, id, 0, "")?;
                write(stream, if signed_in { id } else { -1 }, 2, "")?;
            }
            2 if signed_in => {
                locked(heard).push(text.clone());
                if text == "stop" {
                    return Ok(());
                }
                write(stream, id, 0, &"long ".repeat(800))?;
                write(stream, id, 0, "answer")?;
            }
            _ => return Ok(()),
        }
    }
}

fn number(stream: &mut TcpStream) -> std::io::Result<i32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(i32::from_le_bytes(bytes))
}

fn read(stream: &mut TcpStream) -> std::io::Result<(i32, i32, String)> {
    let length = number(stream)?;
    let (id, kind) = (number(stream)?, number(stream)?);
    let mut text = vec![0; usize::try_from(length - 8).unwrap_or(0)];
    stream.read_exact(&mut text)?;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Ok((id, kind, String::from_utf8_lossy(&text[..end]).into_owned()))
}

fn write(stream: &mut TcpStream, id: i32, kind: i32, text: &str) -> std::io::Result<()> {
    let mut packet = Vec::new();
    for number in [text.len() as i32 + 10, id, kind] {
        packet.extend_from_slice(&number.to_le_bytes());
    }
    packet.extend_from_slice(text.as_bytes());
    packet.extend_from_slice(&[0, 0]);
    stream.write_all(&packet)
}
