//! As much of the Lambda Runtime API as a bench needs: it hears a function ask for its first invocation,
//! and lets it wait.

use anyhow::{Context, Result, bail};
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a function may take from its start to its first poll.
const PATIENCE: Duration = Duration::from_secs(20);

/// Listens where `AWS_LAMBDA_RUNTIME_API` of one function at a time points to.
pub(crate) struct RuntimeApi {
    listener: TcpListener,
    /// `host:port`, the value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: String,
}

impl RuntimeApi {
    /// Listens on a free port of the loopback interface.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        Ok(Self { listener, address })
    }

    /// Returns when `child` has asked for its first invocation. The connection stays open, and the function
    /// waiting, until the result is dropped.
    pub(crate) fn first_poll(&self, child: &mut Child) -> Result<TcpStream> {
        let deadline = Instant::now() + PATIENCE;
        let mut connection = loop {
            match self.listener.accept() {
                Ok((connection, _)) => break connection,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(status) = child.try_wait()? {
                bail!("ended before its first poll ({status})");
            }
            if Instant::now() > deadline {
                bail!("did not poll within {} s", PATIENCE.as_secs());
            }
            sleep(Duration::from_micros(100));
        };
        connection.set_nonblocking(false)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let head = read_head(&mut connection)?;
        if !head.starts_with("GET /2018-06-01/runtime/invocation/next ") {
            bail!("said, in place of its first poll: {}", head.lines().next().unwrap_or_default());
        }
        Ok(connection)
    }
}

/// Reads a request up to the empty line.
fn read_head(connection: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 2048];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match connection.read(&mut chunk).context("the Runtime API request")? {
            0 => bail!("hung up in the middle of a request"),
            n => head.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
