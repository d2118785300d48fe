//! The terminal: the only place that writes to it.
//!
//! What a command was asked for goes to standard output, everything else (progress, notes, warnings, errors) to standard
//! error. Colours are dropped where the terminal, `NO_COLOR` or `--color never` says so.

use std::{error::Error, fmt::Display, io::Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};

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
    /// logged it.
    pub fn log(self, level: LogLevel, origin: &str, message: impl Display) {
        let (style, name) = match level {
            LogLevel::Critical => (ERROR, "fatal"),
            LogLevel::Error => (ERROR, "error"),
            LogLevel::Warning => (WARNING, "warn"),
            LogLevel::Information => (GOOD, "info"),
            LogLevel::Debug => (NOTE, "debug"),
            LogLevel::Trace | LogLevel::None => (DIM, "trace"),
        };
        let time = chrono::Local::now().format("%H:%M:%S%.3f");
        // What belongs together is seen to.
        let message = message.to_string().replace('\n', "\n    ");
        report(format_args!(
            "{DIM}[{time}]{DIM:#} {style}{name:<5}{style:#} {origin}: {message}"
        ));
    }
}

fn report(line: impl Display) {
    // Made in memory and written at once: a stream that drops colours writes every piece for itself, which is slow and lets
    // lines of several threads run into each other.
    let stderr = std::io::stderr();
    let mut rendered = AutoStream::new(Vec::new(), AutoStream::choice(&stderr));
    drop(writeln!(rendered, "{line}"));
    // Nobody is left to tell when standard error is gone.
    drop(stderr.lock().write_all(&rendered.into_inner()));
}
