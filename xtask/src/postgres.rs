//! A private PostgreSQL cluster for this workspace: made once, started when needed, stopped by its last user.
//!
//! - It listens on 127.0.0.1 only, with passwords made at random (`target/dev/secrets`, readable by its owner).
//! - PostgreSQL refuses to run as root, so as root the programs run as user `postgres` (or `nobody`). If that
//!   user cannot reach `target/`, the data is kept in `/var/tmp` instead.
//! - Several commands may use it at once (`dev` in one terminal, `test` in another). Each holds a shared lock;
//!   whoever can turn his into an exclusive one is the last and stops it. The kernel frees the locks of a
//!   killed command, so nothing goes stale.

use crate::database;
use crate::env::{self, Vars};
use crate::process::run_logged;
use crate::term::{Step, note};
use crate::tools;
use crate::workspace::{self, dev_dir, fingerprint, root};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use uuid::Uuid;

/// The superuser, who owns the databases.
pub(crate) const OWNER: &str = "gogotime_owner";
/// The log-in role of the functions that never cross companies.
pub(crate) const API: &str = "gogotime_api";
/// The log-in role that may also become the system role.
pub(crate) const WORKER: &str = "gogotime_worker";

/// The port it prefers.
const PORT: u16 = 54_320;

/// A running cluster. Dropping it stops the server unless another command uses it.
pub(crate) struct Cluster {
    files: Files,
    secrets: Vars,
    port: u16,
    /// Held while a command uses the cluster.
    used: File,
    /// Held while one starts or stops it.
    starting: Option<File>,
}

/// Where the cluster's files are and as whom its programs run.
struct Files {
    programs: PathBuf,
    data: PathBuf,
    user: Option<(u32, u32)>,
}

impl Cluster {
    /// Starts the cluster, making it first if there is none; joins it if it runs already.
    pub(crate) async fn start() -> Result<Self> {
        let programs = tools::POSTGRES.ensure().await?;
        let mut step = Step::begin("database");
        let dir = dev_dir()?;
        let files = Files::locate(programs, &dir)?;
        let secrets = secrets(&dir)?;
        let starting = File::create(dir.join("postgres.start.lock"))?;
        starting.lock()?;
        let used = File::create(dir.join("postgres.used.lock"))?;
        used.lock_shared()?;
        let mut cluster = Self { files, secrets, port: 0, used, starting: Some(starting) };

        if let Some(port) = cluster.running_port() {
            cluster.port = port;
            if cluster.answers().await {
                step.done(&format!("already runs, 127.0.0.1:{port}"));
                cluster.starting = None;
                return Ok(cluster);
            }
            // Ours, but of other secrets (target/ was deleted), or half dead: its data is throw-away.
            cluster.files.stop();
        }
        let made = cluster.make(&mut step).await?;
        cluster.port = free_port(
            fs::read_to_string(dir.join("postgres.port")).ok().and_then(|p| p.trim().parse().ok()),
        )?;
        step.working("starting");
        cluster.files.configure(cluster.port)?;
        let server_log = cluster.files.data.with_extension("log");
        let log = workspace::log_file("pg_ctl")?;
        let mut start = cluster.files.program("pg_ctl");
        start.arg("-D").arg(&cluster.files.data).arg("-l").arg(&server_log).args(["-w", "-t", "60", "start"]);
        run_logged(&mut start, &log)
            .await
            .with_context(|| fs::read_to_string(&server_log).unwrap_or_default())?;
        if !cluster.answers().await {
            bail!("PostgreSQL started but does not let {OWNER} in; its log is {}", server_log.display());
        }
        fs::write(dir.join("postgres.port"), cluster.port.to_string())?;
        step.done(&format!("{}127.0.0.1:{}", if made { "made, " } else { "" }, cluster.port));
        cluster.starting = None;
        Ok(cluster)
    }

    /// `postgres://` URL of a database as its owner, a superuser.
    pub(crate) fn owner_url(&self, database: &str) -> String {
        self.url(OWNER, "OWNER_PASSWORD", database)
    }

    /// The same as the role of the functions.
    pub(crate) fn worker_url(&self, database: &str) -> String {
        self.url(WORKER, "WORKER_PASSWORD", database)
    }

    /// The same as the role of the API functions.
    pub(crate) fn api_url(&self, database: &str) -> String {
        self.url(API, "API_PASSWORD", database)
    }

    /// A random value that is the same at every start.
    pub(crate) fn secret(&self, name: &str) -> &str {
        self.secrets.get(name).map_or("", String::as_str)
    }

    /// Makes the database if there is none (or makes it anew), migrates it, lets the functions' roles in.
    pub(crate) async fn migrated(&self, database: &str, anew: bool) -> Result<()> {
        let step = Step::begin("migrations");
        let admin = database::connect(&self.owner_url("postgres")).await?;
        if anew {
            admin.batch_execute(&format!("drop database if exists {database} with (force)")).await?;
        }
        if admin.query_opt("select from pg_database where datname = $1", &[&database]).await?.is_none() {
            admin.batch_execute(&format!("create database {database}")).await?;
        }
        let applied = db::migrate(&self.owner_url(database)).await.map_err(|error| {
            anyhow::anyhow!(
                "migrating {database}: {error:?}\nIf an applied migration was edited: cargo xtask dev --reset"
            )
        })?;
        for (role, secret) in [(API, "API_PASSWORD"), (WORKER, "WORKER_PASSWORD")] {
            let password = self.secret(secret); // made by us: hexadecimal digits
            admin.batch_execute(&format!("alter role {role} password '{password}'")).await?;
        }
        let applied = if applied == 0 { "up to date".to_owned() } else { format!("{applied} applied") };
        step.done(&format!("{database}: {applied}"));
        Ok(())
    }

    fn url(&self, user: &str, secret: &str, database: &str) -> String {
        let (password, port) = (self.secret(secret), self.port);
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// The port in the server's own file, if there is one; the server may be dead.
    fn running_port(&self) -> Option<u16> {
        fs::read_to_string(self.files.data.join("postmaster.pid")).ok()?.lines().nth(3)?.trim().parse().ok()
    }

    async fn answers(&self) -> bool {
        let connect = async { database::connect(&self.owner_url("postgres")).await.is_ok() };
        tokio::time::timeout(Duration::from_secs(5), connect).await.unwrap_or(false)
    }

    /// `initdb`, unless there is a cluster made with these secrets and this version.
    async fn make(&self, step: &mut Step) -> Result<bool> {
        let Files { programs, data, .. } = &self.files;
        let id = format!("{} {}", self.secret("CLUSTER"), programs.display());
        let mark = data.with_extension("made");
        if fs::read_to_string(&mark).is_ok_and(|found| found == id) && data.join("PG_VERSION").is_file() {
            return Ok(false);
        }
        step.working("initdb");
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        fs::create_dir_all(data)?;
        self.files.give(data)?;
        let password = data.with_extension("pw");
        env::write(&password, "", &Vars::new())?; // only its owner may read it
        fs::write(&password, self.secret("OWNER_PASSWORD"))?;
        self.files.give(&password)?;
        let mut initdb = self.files.program("initdb");
        initdb.arg("-D").arg(data).arg(format!("--username={OWNER}")).arg("--pwfile").arg(&password);
        let locale = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };
        initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--locale", locale]);
        let outcome = run_logged(&mut initdb, &workspace::log_file("initdb")?).await;
        fs::remove_file(&password)?;
        outcome?;
        fs::write(mark, id)?;
        Ok(true)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nobody may join between looking and stopping. If starting failed half-way, the lock is still ours.
        let lock = || {
            let file = File::create(dev_dir().ok()?.join("postgres.start.lock")).ok()?;
            file.lock().ok().map(|()| file)
        };
        let Some(_starting) = self.starting.take().or_else(lock) else { return };
        if self.used.unlock().is_err() {
            return;
        }
        if self.used.try_lock().is_ok() {
            self.files.stop();
        }
    }
}

impl Files {
    /// In `dir`, if the user PostgreSQL runs as can work there.
    fn locate(programs: PathBuf, dir: &Path) -> Result<Self> {
        let here = dir.join("pg");
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { programs, data: here, user: None });
        }
        let (uid, gid) = other_user()?;
        let reaches = std::process::Command::new("test")
            .arg("-x")
            .arg(dir)
            .uid_gid(uid, gid)
            .current_dir("/")
            .status()
            .is_ok_and(|status| status.success());
        let data = if reaches {
            here
        } else {
            let name = fingerprint(&[root().as_os_str().as_encoded_bytes()]);
            let elsewhere = Path::new("/var/tmp").join(format!("gogotime-{name}"));
            fs::create_dir_all(&elsewhere)?;
            // Everybody may write to /var/tmp: what somebody else put there is not ours.
            if fs::metadata(&elsewhere)?.uid() != 0 {
                bail!("{} belongs to another user", elsewhere.display());
            }
            note(&format!(
                "PostgreSQL does not run as root and its user cannot reach {}; its data is in {}",
                dir.display(),
                elsewhere.display()
            ));
            elsewhere.join("pg")
        };
        Ok(Self { programs, data, user: Some((uid, gid)) })
    }

    /// One of PostgreSQL's programs, as the user it runs as.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::from(self.std_program(name));
        command.stdin(std::process::Stdio::null());
        command
    }

    fn std_program(&self, name: &str) -> std::process::Command {
        let mut command = std::process::Command::new(self.programs.join(name));
        command.current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid_gid(uid, gid);
        }
        command
    }

    /// Makes the user PostgreSQL runs as the owner of a file.
    fn give(&self, path: &Path) -> Result<()> {
        if let Some((uid, gid)) = self.user {
            chown(path, Some(uid), Some(gid))?;
        }
        let log = self.data.with_extension("log");
        if !log.exists() {
            File::create(&log)?;
        }
        if let Some((uid, gid)) = self.user {
            chown(&log, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// Writes the settings; read at every start, so that a change here reaches an old cluster too.
    fn configure(&self, port: u16) -> Result<()> {
        let lib = self.programs.parent().unwrap_or(&self.programs).join("lib");
        let statements = [lib.clone(), lib.join("postgresql")].iter().any(|dir| {
            ["so", "dylib"].iter().any(|kind| dir.join("pg_stat_statements").with_extension(kind).is_file())
        });
        let preload = if statements { "pg_stat_statements" } else { "" };
        // The data can be made again, so nothing waits for the disk: a power failure may cost the cluster.
        // `wal_level = minimal` lets the seed load truncated tables without writing them twice.
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             max_connections = 200\npassword_encryption = 'scram-sha-256'\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             wal_level = minimal\nmax_wal_senders = 0\nmax_wal_size = '4GB'\n\
             shared_buffers = '256MB'\nmaintenance_work_mem = '256MB'\n\
             shared_preload_libraries = '{preload}'\n\
             timezone = 'UTC'\nlog_timezone = 'UTC'\nlog_line_prefix = '%m [%p] %d '\n"
        );
        let file = self.data.join("gogotime.conf");
        fs::write(&file, settings)?;
        self.give(&file)?;
        let main = self.data.join("postgresql.conf");
        let text = fs::read_to_string(&main)?;
        if !text.contains("gogotime.conf") {
            fs::write(&main, format!("{text}\ninclude 'gogotime.conf'\n"))?;
        }
        Ok(())
    }

    /// Stops the server; a stopped one is no error.
    fn stop(&self) {
        let mut stop = self.std_program("pg_ctl");
        stop.arg("-D").arg(&self.data).args(["-m", "fast", "-w", "-t", "30", "-s", "stop"]);
        let _ = stop.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
    }
}

/// Sets user and group of a command.
trait AsUser {
    fn uid_gid(&mut self, uid: u32, gid: u32) -> &mut Self;
}

impl AsUser for std::process::Command {
    fn uid_gid(&mut self, uid: u32, gid: u32) -> &mut Self {
        use std::os::unix::process::CommandExt;
        // Changing the user as root drops root's supplementary groups as well.
        self.uid(uid).gid(gid)
    }
}

/// `postgres`, whom the package makes, or `nobody`.
fn other_user() -> Result<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
    let id_of = |wanted: &str| {
        let mut fields =
            passwd.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':'))?.split(':');
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    id_of("postgres")
        .or_else(|| id_of("nobody"))
        .context("PostgreSQL does not run as root, and no other user was found")
}

/// Passwords and keys, made at first use.
fn secrets(dir: &Path) -> Result<Vars> {
    let path = dir.join("secrets");
    let mut secrets = env::read(&path);
    let before = secrets.len();
    for name in ["CLUSTER", "OWNER_PASSWORD", "API_PASSWORD", "WORKER_PASSWORD", "JWT_KEY"] {
        let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        secrets.entry(name.to_owned()).or_insert_with(random);
    }
    if secrets.len() > before {
        env::write(&path, "Made at random by `cargo xtask` for this workspace's local services.", &secrets)?;
    }
    Ok(secrets)
}

/// The wanted port, or the next free one from the usual.
fn free_port(wanted: Option<u16>) -> Result<u16> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    wanted.into_iter().chain(PORT..PORT + 100).find(free).context("no free port for PostgreSQL")
}

/// The superuser's URL of the development database, for commands that do not start anything themselves.
pub(crate) async fn development_url(given: Option<String>) -> Result<(String, Option<Cluster>)> {
    if let Some(url) = given {
        return Ok((url, None));
    }
    let cluster = Cluster::start().await?;
    Ok((cluster.owner_url("gogotime"), Some(cluster)))
}

/// Removes the databases that interrupted tests left behind.
pub(crate) async fn drop_test_databases(cluster: &Cluster) -> Result<()> {
    let admin = database::connect(&cluster.owner_url("postgres")).await?;
    let left =
        admin.query(r"select datname from pg_database where datname like 'gogotime\_test\_%'", &[]).await?;
    for row in left {
        let name: String = row.get(0);
        admin.batch_execute(&format!("drop database \"{name}\" with (force)")).await?;
    }
    Ok(())
}
