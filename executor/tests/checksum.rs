//! The example `checksum`, run as a program.
#![cfg(all(unix, not(loom)))]

use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The example, built as this test was.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // `<target>/<profile>/deps/checksum-<hash>`, or with the triple of `--target` before the profile.
        let this = env::current_exe().unwrap();
        let profile_dir = this.parent().unwrap().parent().unwrap();
        let profile = match profile_dir.file_name().and_then(OsStr::to_str).unwrap() {
            "debug" => "dev",
            name => name,
        };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", "checksum", "--profile", profile, "--target-dir"]);
        let above = profile_dir.parent().unwrap();
        match above.file_name().and_then(OsStr::to_str) {
            Some(triple) if triple.starts_with(env::consts::ARCH) => {
                build.arg(above.parent().unwrap()).args(["--target", triple])
            }
            _ => build.arg(above),
        };
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        profile_dir.join("examples/checksum")
    })
}

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("checksum-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: impl AsRef<OsStr>, content: &[u8]) -> PathBuf {
        let path = self.0.join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A file that takes long to hash and no room on the disk.
    fn endless(&self) -> PathBuf {
        let path = self.0.join("endless");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        path
    }

    fn command(&self, args: &[&OsStr]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(&args.iter().map(OsStr::new).collect::<Vec<_>>()).output().unwrap()
    }

    fn spawn(&self, args: &[&OsStr]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lines(output: &[u8]) -> BTreeSet<Vec<u8>> {
    assert!(output.is_empty() || output.ends_with(b"\n"), "the last line is whole");
    let lines: Vec<_> = output.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let count = lines.len();
    let lines: BTreeSet<_> = lines.into_iter().collect();
    assert_eq!(lines.len(), count, "no line comes twice");
    lines
}

fn expected<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> BTreeSet<Vec<u8>> {
    files.into_iter().map(|(name, content)| format!("{}  {name}\n", hex(content)).into_bytes()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn every_file_below_the_current_folder_gets_a_line() {
    let folder = Folder::new();
    folder.write("empty", b"");
    folder.write("a/abc", b"abc");
    folder.write("a/b/.hidden", b"hidden");
    // Around the sizes of the read buffer, of a batch and of a hop.
    let sizes = [(128 << 10) - 1, 128 << 10, (1 << 20) - 1, 1 << 20, (8 << 20) + 1];
    let contents: Vec<(String, Vec<u8>)> = sizes
        .iter()
        .map(|&size: &usize| (format!("./size-{size}"), (0..size).map(|at| (at % 251) as u8).collect()))
        .collect();
    for (name, content) in &contents {
        folder.write(name, content);
    }
    let output = folder.output(&[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let mut wanted = expected([("./empty", &b""[..]), ("./a/abc", b"abc"), ("./a/b/.hidden", b"hidden")]);
    wanted.extend(expected(contents.iter().map(|(name, content)| (&**name, &**content))));
    assert_eq!(lines(&output.stdout), wanted);
    assert!(wanted.contains(&b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  ./a/abc\n"[..]));
}

#[test]
fn many_small_files_all_get_their_lines() {
    let folder = Folder::new();
    let files: Vec<(String, Vec<u8>)> =
        (0..1000).map(|n| (format!("dir{}/file{n}", n % 7), n.to_string().into_bytes())).collect();
    for (name, content) in &files {
        folder.write(name, content);
    }
    let roots: Vec<String> = (0..7).map(|n| format!("dir{n}")).collect();
    let output = folder.output(&roots.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lines(&output.stdout), expected(files.iter().map(|(name, content)| (&**name, &**content))));
}

#[test]
fn names_are_escaped_as_sha256sum_does() {
    let folder = Folder::new();
    let names: [(&[u8], &[u8]); 7] = [
        (b"new\nline", b"new\\nline"),
        (b"back\\slash", b"back\\\\slash"),
        (b"carriage\rreturn", b"carriage\\rreturn"),
        (b"\\n is not a newline\n", b"\\\\n is not a newline\\n"),
        (b"not \xff\xfe UTF-8", b"not \xff\xfe UTF-8"),
        (b" spaces  and *stars ", b" spaces  and *stars "),
        ("gr\u{fc}n \u{1f40d}".as_bytes(), "gr\u{fc}n \u{1f40d}".as_bytes()),
    ];
    let mut wanted = BTreeSet::new();
    for (name, shown) in names {
        folder.write(OsStr::from_bytes(name), name);
        let mark: &[u8] = if shown.contains(&b'\\') { b"\\" } else { b"" };
        wanted.insert([mark, hex(name).as_bytes(), b"  ./", shown, b"\n"].concat());
    }
    let output = folder.output(&["."]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lines(&output.stdout), wanted);
}

#[test]
fn sha256sum_agrees_where_it_is_installed() {
    let folder = Folder::new();
    let names: [&[u8]; 6] = [b"plain", b"new\nline", b"back\\slash", b"carriage\rreturn", b"\xff", b"-dash"];
    for name in names {
        folder.write(OsStr::from_bytes(name), name);
    }
    let args: Vec<&OsStr> = std::iter::once(OsStr::new("--")).chain(names.map(OsStr::from_bytes)).collect();
    let ours = folder.command(&args).output().unwrap();
    assert_eq!(ours.status.code(), Some(0));
    let Ok(theirs) = Command::new("sha256sum").args(&args).current_dir(&folder.0).output() else { return };
    let version = Command::new("sha256sum").arg("--version").output().unwrap();
    if !text(&version.stdout).contains("coreutils") {
        return;
    }
    // Older ones do not escape the carriage return.
    let has = |output: &Output| lines(&output.stdout).into_iter().filter(|line| !line.ends_with(b"return\n"));
    assert!(has(&ours).eq(has(&theirs)));
    let mut check = Command::new("sha256sum")
        .args(["--check", "--strict", "--status", "-"])
        .current_dir(&folder.0)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(&ours.stdout).unwrap();
    assert!(check.wait().unwrap().success());
}

#[test]
fn links_are_followed_only_as_arguments() {
    let folder = Folder::new();
    folder.write("real/file", b"file");
    folder.write("other", b"other");
    symlink("../other", folder.0.join("real/link-to-file")).unwrap();
    symlink("..", folder.0.join("real/link-to-folder")).unwrap();
    symlink("nowhere", folder.0.join("real/dangling")).unwrap();
    symlink("real", folder.0.join("folder-link")).unwrap();
    symlink("other", folder.0.join("file-link")).unwrap();
    let output = folder.output(&["real", "folder-link", "file-link"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let wanted = [("real/file", &b"file"[..]), ("folder-link/file", b"file"), ("file-link", b"other")];
    assert_eq!(lines(&output.stdout), expected(wanted));
}

#[test]
fn a_missing_path_gives_status_2_and_the_rest_is_done() {
    let folder = Folder::new();
    folder.write("there", b"there");
    let output = folder.output(&["not\nthere", "there"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(lines(&output.stdout), expected([("there", &b"there"[..])]));
    let message = text(&output.stderr);
    assert!(message.starts_with(r#"checksum: "not\nthere": No such file"#), "{message}");
}

#[test]
fn an_unreadable_file_gives_status_1_and_the_rest_is_done() {
    let folder = Folder::new();
    folder.write("there", b"there");
    let secret = folder.write("secret", b"secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything; but on Linux nobody reads the first page of a process's memory.
    let (unreadable, rest) = match fs::File::open(&secret) {
        Err(_) => (Path::new("./secret"), None),
        Ok(_) => (Path::new("/proc/self/mem"), Some(("./secret", &b"secret"[..]))),
    };
    if !unreadable.starts_with(".") && !unreadable.exists() {
        return;
    }
    let args = [OsStr::new("."), unreadable.as_os_str()];
    let output = folder.command(&args[..1 + usize::from(rest.is_some())]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output.stdout), expected([("./there", &b"there"[..])].into_iter().chain(rest)));
    let message = text(&output.stderr);
    assert!(message.starts_with(&format!("checksum: {unreadable:?}: ")), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn something_else_than_a_file_gives_status_1() {
    let folder = Folder::new();
    let output = folder.output(&["/dev/null"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(text(&output.stderr).contains("neither a file nor a folder"));
}

#[test]
fn an_unknown_option_gives_status_2_and_the_usage() {
    let folder = Folder::new();
    let output = folder.output(&["--no-such-option"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).contains("Usage: checksum"));
    let help = folder.output(&["--help"]);
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0));
    assert!(text(&help.stdout).contains("Usage: checksum"));
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_gives_status_130() {
    keeps_what_is_finished("-INT", 130);
}

#[test]
fn sigterm_keeps_what_is_finished_and_gives_status_143() {
    keeps_what_is_finished("-TERM", 143);
}

fn keeps_what_is_finished(by: &str, status: i32) {
    let folder = Folder::new();
    folder.write("small", b"small");
    folder.endless();
    let mut child = folder.spawn(&["small", "endless"].map(OsStr::new));
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = Vec::new();
    // The first line is here while the second file is still being hashed: it was not held back in a buffer.
    output.read_until(b'\n', &mut first).unwrap();
    signal(&child, by);
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(status), String::new()));
    assert_eq!(lines(&first), expected([("small", &b"small"[..])]));
    assert!(rest.is_empty(), "nothing is printed for what is not finished");
}

#[test]
fn ctrl_c_ends_it_even_if_nobody_reads_the_output() {
    let folder = Folder::new();
    // More than a pipe holds.
    for n in 0..3000 {
        folder.write(format!("a-long-name-to-fill-the-pipe-with-{n}"), b"");
    }
    let mut child = folder.spawn(&[]);
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let folder = Folder::new();
    for n in 0..3000 {
        folder.write(format!("a-long-name-to-fill-the-pipe-with-{n}"), b"");
    }
    folder.endless();
    let mut child = folder.spawn(&[]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_until(b'\n', &mut Vec::new()).unwrap();
    drop(output);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(141), String::new()));
    assert_eq!(ended.status.signal(), None);
}
