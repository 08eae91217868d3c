//! A TCP proxy that can do to a connection what networks and servers do: refuse, hang, be slow, break off, talk
//! nonsense. What it does can be changed while it runs, for connections that are open too.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream, UnixStream},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// What happens to the server's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Pass,
    /// Nobody listens; open connections are reset.
    Refuse,
    /// None comes; they all come when the mode changes.
    Hang,
    /// They come later.
    Slow(Duration),
    /// Half of the next one comes, then the connection is reset.
    Cut,
    /// Something else comes, which is not the server's protocol.
    Garbage,
}

/// Who is behind the proxy.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Tcp(String),
    Unix(PathBuf),
}

/// The proxy; ends with the value.
pub(crate) struct Chaos {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: JoinHandle<()>,
}

impl Chaos {
    /// In front of `redis://host:port`, `postgres://…@host:port/…` and the like.
    pub(crate) async fn before_url(url: &str) -> Self {
        let host = url.split_once("://").expect("a URL").1;
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = host.split(['/', '?']).next().unwrap_or(host);
        Self::before(Upstream::Tcp(host.to_owned())).await
    }

    pub(crate) async fn before(upstream: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (mode, modes) = watch::channel(Mode::Pass);
        let task = tokio::spawn(serve(listener, address, upstream, modes));
        Self { address, mode, task }
    }

    /// Where it listens: `host:port`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// A URL with this proxy's address instead of its own.
    pub(crate) fn url(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (login, rest) =
            rest.rsplit_once('@').map_or((String::new(), rest), |(l, r)| (format!("{l}@"), r));
        let tail = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        format!("{scheme}://{login}{}{tail}", self.address)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut listener: TcpListener,
    address: SocketAddr,
    upstream: Upstream,
    modes: watch::Receiver<Mode>,
) {
    let mut own = modes.clone();
    loop {
        if *own.borrow_and_update() == Mode::Refuse {
            drop(listener);
            // Bound and not listening, nobody else gets the port and who connects is refused.
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("an option");
            socket.bind(address).expect("the same port");
            if own.wait_for(|mode| *mode != Mode::Refuse).await.is_err() {
                return;
            }
            listener = socket.listen(1024).expect("the same port");
        }
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(connection(client, upstream.clone(), modes.clone()));
                }
            }
            changed = own.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn connection(client: TcpStream, upstream: Upstream, mut modes: watch::Receiver<Mode>) {
    let _ = client.set_nodelay(true);
    // Dropped without a farewell, it is reset.
    let _ = client.set_zero_linger();
    let ended = modes.clone();
    let refused = async move { modes.wait_for(|mode| *mode == Mode::Refuse).await.map(drop) };
    let relayed = async {
        match upstream {
            Upstream::Tcp(address) => relay(client, TcpStream::connect(address).await?, ended).await,
            Upstream::Unix(path) => relay(client, UnixStream::connect(path).await?, ended).await,
        }
    };
    tokio::select! {
        _ = relayed => {}
        _ = refused => {}
    }
}

async fn relay<S: AsyncRead + AsyncWrite>(
    mut client: TcpStream,
    server: S,
    modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let (mut questions, mut answers) = client.split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let up = async {
        tokio::io::copy(&mut questions, &mut to_server).await?;
        to_server.shutdown().await
    };
    // What the server said, and when the client may hear it.
    let (said, mut heard) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = modes.clone();
    let hear = async move {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let n = from_server.read(&mut bytes).await?;
            let delay = match *reading.borrow() {
                Mode::Slow(delay) => delay,
                _ => Duration::ZERO,
            };
            if n == 0 || said.send((Instant::now() + delay, bytes[..n].to_vec())).is_err() {
                return Ok::<_, io::Error>(());
            }
        }
    };
    let mut modes = modes;
    let tell = async {
        while let Some((when, bytes)) = heard.recv().await {
            sleep_until(when).await;
            let mode = modes.wait_for(|mode| *mode != Mode::Hang).await.map_or(Mode::Refuse, |mode| *mode);
            match mode {
                Mode::Pass | Mode::Slow(_) => answers.write_all(&bytes).await?,
                Mode::Garbage => answers.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>").await?,
                Mode::Cut => {
                    answers.write_all(&bytes[..bytes.len() / 2]).await?;
                    answers.flush().await?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Mode::Refuse | Mode::Hang => return Err(io::ErrorKind::ConnectionReset.into()),
            }
        }
        Ok(())
    };
    // The client's end of the connection goes with the answers, the server's with the questions.
    tokio::select! {
        told = async { tokio::try_join!(hear, tell) } => told.map(drop),
        asked = up => asked,
    }
}
