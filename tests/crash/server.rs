//! The real binary in a folder of its own: started, killed, stopped, and started on a copy.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::time::Instant;

const MINTAGE: &str = env!("CARGO_BIN_EXE_mintage");
pub(crate) const SECRET: &str = "3f1c8a5be07d42969b1e6c20d7f4a8b35e9d01c7f26b48a3905dce71f8ab6243";
const START: Duration = Duration::from_secs(60);

/// A deployment's folder, configuration and address.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
}

/// A running node; it is killed when this goes.
pub(crate) struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    pub(crate) url: String,
}

/// How a node ended that was told to.
pub(crate) struct Stopped {
    pub(crate) status: Option<i32>,
    pub(crate) said: String,
    pub(crate) after: Duration,
}

impl Place {
    /// An empty deployment with a public client `app` that rotates at every refresh, and a backend `ops` that may do everything.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mintage-crash-").tempdir().unwrap();
        let place = Self { folder, port: free_port() };
        place.write("ops.secret", SECRET);
        place.write(
            "mintage.toml",
            r#"
[log]
level = "warn"
[defaults]
retry_window = "30s"
rotation_pause = "0s"
[[clients]]
id = "app"
type = "public"
scopes = ["read", "write"]
audiences = ["https://api.example"]
[[clients]]
id = "ops"
type = "confidential"
secret_file = "ops.secret"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open", "mintage:sessions.read", "mintage:sessions.update", "mintage:revoke", "mintage:revoke.all",
    "mintage:introspect", "mintage:keys", "mintage:clients", "mintage:backup", "mintage:audit"]
opens_for = ["*"]
"#,
        );
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        let only_mine = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
        fs::set_permissions(path, only_mine).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the node and waits until it says that it listens.
    pub(crate) fn serve(&self) -> Server {
        self.try_serve().unwrap_or_else(|said| panic!("the node did not start:\n{said}"))
    }

    /// Starts the node; what it said, if it ended instead of listening.
    pub(crate) fn try_serve(&self) -> Result<Server, String> {
        self.try_serve_at(self.port, &[])
    }

    /// As [`Place::try_serve`], at another port and with more arguments.
    pub(crate) fn try_serve_at(&self, port: u16, more: &[&str]) -> Result<Server, String> {
        let mut child = Command::new(MINTAGE)
            .args(["serve", "--config", "mintage.toml", "--listen", &format!("127.0.0.1:{port}")])
            .args(more)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let ready = listen_to(&mut child, &said);
        let server = Server { child, said, url: format!("http://127.0.0.1:{port}") };
        match ready.recv_timeout(START) {
            Ok(()) => Ok(server),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(server.said.lock().unwrap().clone()),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("neither up nor down: {}", server.said.lock().unwrap()),
        }
    }

    /// Runs a command of the binary in this place: its status, standard output and standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(MINTAGE)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs([("MINTAGE_URL", format!("http://127.0.0.1:{}", self.port)), ("MINTAGE_CLIENT_ID", "ops".to_owned())])
            .env("MINTAGE_CLIENT_SECRET", SECRET)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// The same deployment as it is on disk now, at another address.
    pub(crate) fn copy(&self) -> Self {
        let copy = self.without_folders();
        copy.put("data", &self.path("data"));
        copy.put("keys", &self.path("keys"));
        copy
    }

    /// The same configuration at another address, with neither state nor keys.
    pub(crate) fn without_folders(&self) -> Self {
        let copy = Self { folder: tempfile::Builder::new().prefix("mintage-crash-").tempdir().unwrap(), port: free_port() };
        for name in ["mintage.toml", "ops.secret"] {
            fs::copy(self.path(name), copy.path(name)).unwrap();
        }
        copy
    }

    /// Replaces a folder of the deployment by a copy of another.
    pub(crate) fn put(&self, name: &str, from: &Path) {
        let to = self.path(name);
        drop(fs::remove_dir_all(&to));
        copy_folder(from, &to);
    }
}

impl Server {
    /// What it has said on standard error.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(mut self) -> Stopped {
        let began = Instant::now();
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success(), "the signal is sent");
        let status = self.child.wait().unwrap();
        let after = began.elapsed();
        let said = self.said.lock().unwrap().clone();
        Stopped { status: status.code(), said, after }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads standard error to its end, and tells once that the node listens.
fn listen_to(child: &mut Child, said: &Arc<Mutex<String>>) -> mpsc::Receiver<()> {
    let (ready, is_ready) = mpsc::channel();
    let (pipe, said) = (child.stderr.take().unwrap(), said.clone());
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let listens = line.starts_with("listening on http://");
            said.lock().unwrap().push_str(&(line + "\n"));
            if listens {
                let _ = ready.send(());
            }
        }
    });
    is_ready
}

/// A port that no other test of this process was given. Below those that the system hands out: a client that knocks at a closed one of
/// those can meet itself.
fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let mut tries = (0..1_000).map(|_| {
        let next = std::process::id().wrapping_mul(101).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        15_000 + u16::try_from(next % 15_000).unwrap()
    });
    tries.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}
