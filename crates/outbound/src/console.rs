//! A game server's console over the Source RCON protocol.
//!
//! A packet is its length, an id, a type, a text and two zeros; numbers are little-endian. Signing in is answered with the
//! same id, or -1. Each line gets an id of its own and is answered before the next is sent; a server that hangs up after
//! the last line (it was told to stop) has understood.

use model::{Kind, Problem, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::patience::Patience;
use super::secret::Secret;

const SIGN_IN: i32 = 3;
const SIGNED_IN: i32 = 2;
const LINE: i32 = 2;
/// Longer lines are cut off by the servers.
const LONGEST_LINE: usize = 1446;
/// Id, type, two zeros.
const FRAME: usize = 10;
const LONGEST_PACKET: usize = FRAME + (64 << 10);

struct Packet {
    id: i32,
    kind: i32,
}

/// Signs in and sends the lines, each after the answer to the one before.
pub fn send(address: &str, secret: &Secret, lines: &[String], patience: &Patience) -> Result<()> {
    let is_wrong =
        |line: &&String| line.is_empty() || line.len() > LONGEST_LINE || line.contains(char::is_control);
    if let Some(line) = lines.iter().find(is_wrong) {
        return Err(Problem::invalid(format!(
            "a line for a console has 1 to {LONGEST_LINE} bytes and no control characters; this one has {}",
            line.len()
        )));
    }
    let lost = |error: std::io::Error| {
        Problem::new(
            Kind::Unavailable,
            format!("the console at {address} does not answer: {error}"),
        )
        .hint("check the address, and that RCON is enabled there")
    };
    patience.wait(&format!("the console at {address}"), async {
        let mut stream = TcpStream::connect(address).await.map_err(lost)?;
        sign_in(&mut stream, secret, address).await?.map_err(lost)?;
        for (number, line) in lines.iter().enumerate() {
            let id = 2 + number as i32;
            let is_last = number + 1 == lines.len();
            match say(&mut stream, id, line).await {
                Err(error) if is_last && error.kind() == std::io::ErrorKind::UnexpectedEof => {}
                other => other.map_err(lost)?,
            }
        }
        Ok(())
    })
}

async fn sign_in(stream: &mut TcpStream, secret: &Secret, address: &str) -> Result<std::io::Result<()>> {
    let asked = write(stream, 1, SIGN_IN, secret.reveal()).await;
    if asked.is_err() {
        return Ok(asked);
    }
    loop {
        match read(stream).await {
            Ok(Packet { id: -1, .. }) => {
                return Err(Problem::new(
                    Kind::Unavailable,
                    format!("the console at {address} does not take the password"),
                )
                .hint("compare it with the one in the server's own settings"));
            }
            Ok(Packet {
                id: 1,
                kind: SIGNED_IN,
            }) => return Ok(Ok(())),
            // Some send an empty answer first.
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

async fn say(stream: &mut TcpStream, id: i32, line: &str) -> std::io::Result<()> {
    write(stream, id, LINE, line).await?;
    // A long answer to an earlier line comes in several packets.
    while read(stream).await?.id != id {}
    Ok(())
}

async fn write(stream: &mut TcpStream, id: i32, kind: i32, text: &str) -> std::io::Result<()> {
    let mut packet = Vec::new();
    for number in [(text.len() + FRAME) as i32, id, kind] {
        packet.extend_from_slice(&number.to_le_bytes());
    }
    packet.extend_from_slice(text.as_bytes());
    packet.extend_from_slice(&[0, 0]);
    stream.write_all(&packet).await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Packet> {
    let length = stream.read_i32_le().await?;
    let length = usize::try_from(length).unwrap_or(0);
    if !(FRAME..=LONGEST_PACKET).contains(&length) {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "it does not speak RCON",
        ));
    }
    let (id, kind) = (stream.read_i32_le().await?, stream.read_i32_le().await?);
    let mut text = vec![0; length - 8];
    stream.read_exact(&mut text).await?;
    Ok(Packet { id, kind })
}
