//! The terminal: the only place that writes to it.
//!
//! What a command was asked for goes to standard output, everything else (progress, notes, warnings, errors) to standard
//! error. Colours are dropped where the terminal, `NO_COLOR` or `--color never` says so.

mod lines;

use std::{
    error::Error,
    fmt::{Display, Write as _},
    io::Write,
    sync::OnceLock,
};

use anstream::{AutoStream, adapter::strip_str};
use anstyle::{AnsiColor, Style};
use chrono::Timelike;

use self::lines::STDERR;

use crate::project::LogLevel;

const GOOD: Style = AnsiColor::BrightGreen.on_default().bold();
const NOTE: Style = AnsiColor::BrightCyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Writes to the terminal; cheap to copy into every task.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shell {
    quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// Where the output is a terminal that understands them.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Shell {
    /// Makes the shell of this process. `quiet` drops progress and notes, but no results, warnings or errors.
    pub fn new(quiet: bool, color: ColorChoice) -> Self {
        match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        Self { quiet }
    }

    /// A result: one line on standard output.
    pub fn print(self, line: impl Display) {
        // On a terminal the two streams are one.
        STDERR.flush();
        // A reader that went away (`cargo func … | head`) is no reason to stop.
        drop(writeln!(anstream::stdout().lock(), "{line}"));
    }

    /// A step of what the command does, as cargo shows it: `     Created src/functions/flow.rs`.
    pub fn status(self, verb: &str, what: impl Display) {
        if !self.quiet {
            report(format_args!("{GOOD}{verb:>12}{GOOD:#} {what}"));
        }
    }

    /// Something good to know, such as the next command to type.
    pub fn note(self, note: impl Display) {
        if !self.quiet {
            report(format_args!("{NOTE}note{NOTE:#}: {note}"));
        }
    }

    /// Something that is probably not meant.
    pub fn warn(self, warning: impl Display) {
        report(format_args!("{WARNING}warning{WARNING:#}: {warning}"));
    }

    /// Why the command failed, with the causes that the message does not tell already.
    pub fn error(self, error: &dyn Error) {
        let mut told = error.to_string();
        report(format_args!("{ERROR}error{ERROR:#}: {told}"));
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                report(format_args!("  {NOTE}because{NOTE:#}: {text}"));
                told = text;
            }
            cause = error.source();
        }
    }

    /// One log record: `[12:30:01.250] info  Function.flow: message`. `origin` is the function or the part of the host that
    /// logged it. It is written in a moment, or with what is told next; see [`Shell::flush`].
    ///
    /// Records name what clients and workers sent: whatever that is, it does not steer the terminal.
    pub fn log(self, level: LogLevel, origin: &str, message: impl Display) {
        let (style, name) = match level {
            LogLevel::Critical => (ERROR, "fatal"),
            LogLevel::Error => (ERROR, "error"),
            LogLevel::Warning => (WARNING, "warn"),
            LogLevel::Information => (GOOD, "info"),
            LogLevel::Debug => (NOTE, "debug"),
            LogLevel::Trace | LogLevel::None => (DIM, "trace"),
        };
        let (dim, style) = match colored() {
            true => (DIM, style),
            false => (Style::new(), Style::new()),
        };
        let time = chrono::Local::now();
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let millisecond = time.timestamp_subsec_millis();
        let mut line = String::with_capacity(160);
        let head =
            format_args!("{dim}[{hour:02}:{minute:02}:{second:02}.{millisecond:03}]{dim:#} {style}{name:<5}{style:#} ");
        // Writing to a string cannot fail.
        let _ = write!(line, "{head}{origin}: ");
        let start = line.len();
        let _ = write!(line, "{message}");
        if line[start..].contains(steers) {
            let harmless = harmless(&line[start..]);
            line.replace_range(start.., &harmless);
        }
        // What belongs together is seen to.
        if line.contains('\n') {
            line = line.replace('\n', "\n    ");
        }
        line.push('\n');
        STDERR.soon(&plain(line));
    }

    /// Writes what still waits; to be called before the process ends.
    pub fn flush(self) {
        STDERR.flush();
    }
}

/// At once, with the log lines that came before.
fn report(line: impl Display) {
    STDERR.now(&plain(format!("{line}\n")));
}

/// Whether standard error takes colours; that does not change while we run.
fn colored() -> bool {
    static COLORED: OnceLock<bool> = OnceLock::new();
    *COLORED.get_or_init(|| AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
}

/// Whether a terminal may do something else than show it, or end a line: it may also change the direction of what follows.
fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && !matches!(c, '\n' | '\t')
}

/// The text without what terminals take for colours and commands, and with what is left of such characters escaped.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for c in strip_str(text).flat_map(str::chars) {
        match steers(c) {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// The text as standard error takes it.
fn plain(text: String) -> String {
    if colored() || !text.contains('\u{1b}') {
        return text;
    }
    strip_str(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_does_not_steer_the_terminal() {
        assert_eq!(
            harmless("instance '\u{1b}[2J\u{1b}[31mred\u{1b}[0m\u{202e}\r\u{7f}b'\nnext\tcolumn: \"é\\\""),
            "instance 'red\\u{202e}\\rb'\nnext\tcolumn: \"é\\\""
        );
    }
}
