//! A worker behind a relay that counts what its stream carries: the host starts the relay, and the relay the worker.

use std::{
    env, fs, io,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
};

use super::Failure;

/// Names the file that the bytes are written to, once the stream has ended.
pub(crate) const SETTING: &str = "HOST_BENCH_COUNTED";

/// The bytes to the worker, and from it.
pub(crate) type Counts = (u64, u64);

/// Runs this program as the worker with these arguments, and relays its stream.
pub(crate) fn run(arguments: &[String], file: &Path) -> Result<ExitCode, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let own = format!("127.0.0.1:{}", listener.local_addr()?.port());
    let uri = arguments.iter().find_map(|argument| argument.split_once("http://"));
    let (_, host) = uri.ok_or("no address of a host")?;
    let host = host.trim_end_matches('/');
    let mut worker = Command::new(env::current_exe()?)
        .args(arguments[1..].iter().map(|argument| argument.replace(host, &own)))
        .env_remove(SETTING)
        .stdin(Stdio::null())
        .spawn()?;
    let (to_worker, _) = listener.accept()?;
    let to_host = TcpStream::connect(host)?;
    for stream in [&to_worker, &to_host] {
        stream.set_nodelay(true)?;
    }
    let (from_worker, from_host) = (to_worker.try_clone()?, to_host.try_clone()?);
    let sends = thread::spawn(move || relay(from_worker, to_host));
    let received = relay(from_host, to_worker)?;
    let sent = sends.join().map_err(|_| "the relay panicked")??;
    fs::write(file, format!("{received} {sent}"))?;
    worker.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// Until one side has no more.
fn relay(mut from: TcpStream, mut to: TcpStream) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 18];
    let mut count = 0;
    loop {
        // A side that is gone has ended.
        let read = from.read(&mut buffer).unwrap_or(0);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = to.shutdown(Shutdown::Write);
            return Ok(count);
        }
        count += read as u64;
    }
}

/// What a relay has written.
pub(crate) fn counts(file: &Path) -> Result<Counts, Failure> {
    let text = fs::read_to_string(file)?;
    let (received, sent) = text.split_once(' ').ok_or("no two numbers")?;
    Ok((received.parse()?, sent.parse()?))
}
