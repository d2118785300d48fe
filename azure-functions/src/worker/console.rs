//! What the worker writes to its console under a host, in a form from which the host reads the right level.
//!
//! Hosts take each line of the console for a record. One on stdout is Information; on stderr it is Warning if `warn` is in it, else
//! Error if `error`, `fail`, `severe`, or `unhandled exception` is, else Information, all ignoring case.
//!
//! Source: `WorkerProcess.ParseErrorMessageAndLog` of Azure/azure-functions-host.

use log::Level;
use std::io::{self, Write};

/// Separates the lines of a record, which must be one line.
const LINE_BREAK: &str = " | ";

/// Writes a record: one line in one piece. A console that is gone is no reason to fail.
pub(super) fn write(level: Level, target: &str, message: &str) {
    let (stream, line) = line(level, target, message);
    put(stream, &line);
}

/// As [`write`], where no host reads it.
pub(super) fn write_as_it_is(level: Level, target: &str, message: &str) {
    let (stream, line) = plain_line(level, target, message);
    put(stream, &line);
}

fn put(stream: Stream, line: &str) {
    let _ = match stream {
        Stream::Out => io::stdout().lock().write_all(line.as_bytes()),
        Stream::Err => io::stderr().lock().write_all(line.as_bytes()),
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

fn line(level: Level, target: &str, message: &str) -> (Stream, String) {
    let (stream, mut line) = plain_line(level, target, message);
    if level == Level::Error {
        hide_warn(&mut line);
    }
    (stream, line)
}

fn plain_line(level: Level, target: &str, message: &str) -> (Stream, String) {
    let (stream, label) = match level {
        Level::Error => (Stream::Err, "error"),
        Level::Warn => (Stream::Err, "warning"),
        // Whatever words are in it.
        Level::Info => (Stream::Out, "info"),
        Level::Debug => (Stream::Out, "debug"),
        Level::Trace => (Stream::Out, "trace"),
    };
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(LINE_BREAK).replace('\r', LINE_BREAK);
    let line = match target {
        "" => format!("{label}: {text}\n"),
        target => format!("{label}: {target}: {text}\n"),
    };
    (stream, line)
}

/// Puts a zero-width space into each `warn`: people read on, and the host does not take the error for a warning.
fn hide_warn(line: &mut String) {
    const WORD: &str = "warn";
    const MARK: char = '\u{200b}';
    // Has the length of the line: only ASCII letters change.
    let lower = line.to_ascii_lowercase();
    for (at, _) in lower.rmatch_indices(WORD) {
        line.insert(at + 1, MARK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the host makes of a line.
    fn level_of(stream: Stream, line: &str) -> Level {
        let lower = line.to_lowercase();
        let has = |word: &str| lower.contains(word);
        match stream {
            Stream::Out => Level::Info,
            Stream::Err if has("warn") => Level::Warn,
            Stream::Err if has("error") || has("fail") || has("severe") || has("unhandled exception") => Level::Error,
            Stream::Err => Level::Info,
        }
    }

    #[test]
    fn the_host_reads_the_level_of_a_record_whatever_words_are_in_it() {
        for text in [
            "fine",
            "no errors, no warnings, nothing failed",
            "WARNING: the wArN is severe",
            "warnwarn",
            "Unhandled Exception",
            "two\nlines, the second\r\nfails\rto warn",
            "",
        ] {
            for (level, seen) in [
                (Level::Error, Level::Error),
                (Level::Warn, Level::Warn),
                (Level::Info, Level::Info),
                (Level::Debug, Level::Info),
                (Level::Trace, Level::Info),
            ] {
                for target in ["", "app", "warnings::failure"] {
                    let (stream, line) = line(level, target, text);
                    assert_eq!(level_of(stream, &line), seen, "{level} {target} {line:?}");
                    assert_eq!(line.find(['\n', '\r']), Some(line.len() - 1), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        assert_eq!(
            line(Level::Warn, "app", "low\n  on fuel\n").1,
            "warning: app: low | on fuel\n"
        );
        let error = line(Level::Error, "app", "ignored two Warnings").1;
        assert_eq!(error.replace('\u{200b}', ""), "error: app: ignored two Warnings\n");
    }
}
