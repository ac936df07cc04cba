//! A running `footbridge`: its lines, its end.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    log: UnboundedReceiver<String>,
    /// What was read of the log so far.
    logged: String,
    running: watch::Receiver<bool>,
}

const SIGKILL: i32 = 9;

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// What had not been read before.
    pub(crate) out: Vec<String>,
    pub(crate) err: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (lines, _) = lines_of(child.stdout.take().unwrap());
        let (log, running) = lines_of(child.stderr.take().unwrap());
        let stdin = child.stdin.take();
        Self { child, stdin, lines, log, logged: String::new(), running }
    }

    /// The next line of standard output.
    pub(crate) async fn line(&mut self) -> String {
        match self.lines.recv().await {
            Some(line) => line,
            None => panic!("ended early: {}", self.whole_log().await),
        }
    }

    /// Waits until the log, from where the last such wait ended, has a line with this text.
    pub(crate) async fn logs(&mut self, text: &str) {
        assert!(self.logs_before_its_end(text).await, "no {text:?} in {}", self.logged);
    }

    /// The same of a process that may end; answers whether there was such a line.
    pub(crate) async fn logs_before_its_end(&mut self, text: &str) -> bool {
        while let Some(line) = self.log.recv().await {
            self.note(&line);
            if line.contains(text) {
                return true;
            }
        }
        false
    }

    /// Only lines that are not there yet are waited for.
    pub(crate) fn forget_log(&mut self) {
        while let Ok(line) = self.log.try_recv() {
            self.note(&line);
        }
    }

    fn note(&mut self, line: &str) {
        self.logged.push_str(line);
        self.logged.push('\n');
    }

    async fn whole_log(&mut self) -> String {
        while let Some(line) = self.log.recv().await {
            self.note(&line);
        }
        std::mem::take(&mut self.logged)
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// The address of a line `open: ADDRESS`.
    pub(crate) async fn address(&mut self) -> String {
        self.line().await.strip_prefix("open: ").expect("an address").to_owned()
    }

    pub(crate) fn type_line(&mut self, text: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{text}").unwrap();
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Answers whether that is what ended it.
    pub(crate) fn kill(&mut self) -> bool {
        let _ = self.child.kill();
        self.child.wait().is_ok_and(|status| status.signal() == Some(SIGKILL))
    }

    /// What it says from now on is read elsewhere.
    pub(crate) fn take_lines(&mut self) -> UnboundedReceiver<String> {
        std::mem::replace(&mut self.lines, unbounded_channel().1)
    }

    /// Resolves when it has come to its end by itself.
    pub(crate) fn watch_end(&self) -> impl Future<Output = ()> + use<> {
        let mut running = self.running.clone();
        // Its log ends with it.
        async move { drop(running.wait_for(|running| !running).await) }
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) async fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let mut out = Vec::new();
        while let Some(line) = self.lines.recv().await {
            out.push(line);
        }
        let err = self.whole_log().await;
        let code = self.child.wait().unwrap().code();
        Ended { code, out, err }
    }
}

/// Lines as they come, and whether there may be more.
fn lines_of(
    stream: impl Read + Send + 'static,
) -> (UnboundedReceiver<String>, watch::Receiver<bool>) {
    let (tell, lines) = unbounded_channel();
    let (tell_end, running) = watch::channel(true);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let _ = tell.send(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        let _ = tell_end.send(false);
    });
    (lines, running)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn failed(self) -> Self {
        assert_eq!(self.code, Some(1), "{self:?}");
        self
    }

    /// The last line as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.last().expect("a line")).unwrap()
    }
}
