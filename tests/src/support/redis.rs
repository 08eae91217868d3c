//! A Redis of a test's own, and its protocol: for arranging, for looking, and for servers that stand in for one.

use std::{
    io,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
};

/// A value of the protocol, as far as this system uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resp {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Self>),
}

impl Resp {
    pub(crate) fn int(&self) -> i64 {
        match self {
            Self::Int(n) => *n,
            other => panic!("not a number: {other:?}"),
        }
    }

    pub(crate) fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Bulk(bytes) => bytes,
            other => panic!("not a string: {other:?}"),
        }
    }

    /// As it is sent.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Simple(text) => format!("+{text}\r\n").into_bytes(),
            Self::Error(text) => format!("-{text}\r\n").into_bytes(),
            Self::Int(n) => format!(":{n}\r\n").into_bytes(),
            Self::Bulk(None) => b"$-1\r\n".to_vec(),
            Self::Bulk(Some(bytes)) => [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
            Self::Array(items) => {
                let items = items.iter().flat_map(Self::encode);
                format!("*{}\r\n", self.len()).into_bytes().into_iter().chain(items).collect()
            }
        }
    }

    fn len(&self) -> usize {
        if let Self::Array(items) = self { items.len() } else { 1 }
    }
}

/// One side of a connection that speaks the protocol.
pub(crate) struct Wire<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Sends a command and reads the answer.
    pub(crate) async fn call(&mut self, words: &[&[u8]]) -> io::Result<Resp> {
        let words = words.iter().map(|word| Resp::Bulk(Some(word.to_vec()))).collect();
        self.write(&Resp::Array(words)).await?;
        self.read().await
    }

    pub(crate) async fn write(&mut self, value: &Resp) -> io::Result<()> {
        self.0.write_all(&value.encode()).await?;
        self.0.flush().await
    }

    /// The next value, which may also be a client's command.
    pub(crate) async fn read(&mut self) -> io::Result<Resp> {
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        Ok(match kind {
            "+" => Resp::Simple(rest.to_owned()),
            "-" => Resp::Error(rest.to_owned()),
            ":" => Resp::Int(number()?),
            "$" => match usize::try_from(number()?) {
                Err(_) => Resp::Bulk(None),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.0.read_exact(&mut bytes).await?;
                    bytes.truncate(length);
                    Resp::Bulk(Some(bytes))
                }
            },
            "*" => {
                let mut items = Vec::new();
                for _ in 0..number()? {
                    items.push(Box::pin(self.read()).await?);
                }
                Resp::Array(items)
            }
            _ => return Err(io::Error::other(format!("not the protocol: {line:?}"))),
        })
    }
}

/// A client of a Redis, given as `redis://host:port`.
pub(crate) async fn redis_client(url: &str) -> Wire<TcpStream> {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    Wire::new(TcpStream::connect(address).await.expect("Redis answers"))
}

/// A `redis-server` that a test may kill. It listens on a socket file, so no two can want one port.
pub(crate) struct RedisServer {
    folder: TempDir,
    process: Option<Child>,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        let mut server = Self { folder: tempfile::tempdir().expect("a folder"), process: None };
        server.restart().await;
        server
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Starts it again, empty.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let programs = ["redis-server", "valkey-server"];
        let started = programs.iter().find_map(|program| {
            Command::new(program)
                .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
                .arg(self.socket())
                .current_dir(self.folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .ok()
        });
        self.process = Some(started.expect("redis-server or valkey-server is installed"));
        super::eventually("Redis starts", || async {
            let mut client = Wire::new(UnixStream::connect(self.socket()).await.ok()?);
            client.call(&[b"PING"]).await.ok().filter(|answer| *answer == Resp::Simple("PONG".into()))
        })
        .await;
    }

    pub(crate) async fn client(&self) -> Wire<UnixStream> {
        Wire::new(UnixStream::connect(self.socket()).await.expect("Redis answers"))
    }

    /// As a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Long enough that nothing a busy machine does counts as slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
