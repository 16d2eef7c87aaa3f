//! nginx as Debian ships it: what one would use instead, measured in the same run on the same machine.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use e2e::machine::{eventually, free_port};
use tempfile::TempDir;

/// A running nginx with one worker; ended with the value.
pub(crate) struct Nginx {
    child: Child,
    /// Its configuration, its HLS files and what it serves.
    pub folder: TempDir,
    /// RTMP port.
    pub rtmp: u16,
    /// HTTP port.
    pub http: u16,
}

impl Nginx {
    /// Plain HLS of two seconds from RTMP (libnginx-mod-rtmp), and signed static files (secure_link).
    pub(crate) fn start(secret: &str) -> Result<Self> {
        if !Path::new("/usr/sbin/nginx").is_file() {
            bail!("nginx is missing: run `setup/install bench`");
        }
        let folder = tempfile::Builder::new().prefix("lectern-bench-nginx-").tempdir()?;
        // Its worker is another user's when we are root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        for name in ["hls", "files", "tmp"] {
            fs::create_dir(folder.path().join(name))?;
        }
        let (rtmp, http) = (free_port()?, free_port()?);
        let module = module("ngx_rtmp_module.so")?;
        let root = folder.path().display();
        let user = if is_root()? { "user root;" } else { "" };
        let configuration = format!(
            "{user} daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log warn;\n\
             load_module {};\n\
             worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}\n\
             rtmp {{ server {{ listen 127.0.0.1:{rtmp}; application live {{ live on; hls on; hls_path {root}/hls; \
             hls_fragment 2s; hls_playlist_length 60s; }} }} }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; \
             client_body_temp_path {root}/tmp; proxy_temp_path {root}/tmp; fastcgi_temp_path {root}/tmp; \
             uwsgi_temp_path {root}/tmp; scgi_temp_path {root}/tmp;\n\
             server {{ listen 127.0.0.1:{http}; location / {{ root {root}/files; secure_link $arg_md5,$arg_expires; \
             secure_link_md5 \"$secure_link_expires$uri {secret}\"; if ($secure_link = \"\") {{ return 403; }} \
             if ($secure_link = \"0\") {{ return 410; }} }} }} }}\n",
            module.display()
        );
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration)?;
        let mut child = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(&path)
            .arg("-p")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start nginx")?;
        let up = eventually("nginx listens", Duration::from_secs(10), || {
            if let Some(status) = child.try_wait()? {
                bail!("nginx ended with {status}");
            }
            std::net::TcpStream::connect(("127.0.0.1", http)).map(drop).map_err(Into::into)
        });
        if let Err(error) = up {
            let said = fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
            return Err(error.context(said));
        }
        Ok(Self { child, folder, rtmp, http })
    }

    /// Where publishers connect; the stream's name is another path segment.
    #[must_use]
    pub(crate) fn rtmp_url(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.rtmp)
    }

    /// Its master process.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A file to serve, and the signed URL of it, valid for an hour.
    pub(crate) fn signed(&self, name: &str, content: &[u8], secret: &str) -> Result<String> {
        fs::write(self.folder.path().join("files").join(name), content)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let expires = now + 3600;
        // secure_link wants the MD5 in base64url: openssl is there wherever nginx is.
        let text = format!("{expires}/{name} {secret}");
        let script = "printf %s \"$1\" | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =";
        let output = Command::new("sh").args(["-c", script, "sh", &text]).output()?;
        let md5 = String::from_utf8(output.stdout)?.trim().to_owned();
        Ok(format!("http://127.0.0.1:{}/{name}?md5={md5}&expires={expires}", self.http))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM takes the worker along; a kill would leave it behind.
        let _sent = e2e::server::signal(self.child.id(), "TERM");
        let _status = self.child.wait();
    }
}

fn module(name: &str) -> Result<PathBuf> {
    let found = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file());
    found.with_context(|| format!("nginx's {name} is missing: run `setup/install bench`"))
}

fn is_root() -> Result<bool> {
    Ok(String::from_utf8(Command::new("id").arg("-u").output()?.stdout)?.trim() == "0")
}
