//! Events and spans of the crate `tracing`, as log records of their invocation. Needs the feature `tracing`.
//!
//! A worker installs [`layer`] as the subscriber of the process, unless the app has one. An app with a subscriber of its own adds it:
//!
//! ```
//! use tracing_subscriber::prelude::*;
//!
//! tracing_subscriber::registry().with(azure_functions::trace::layer()).init();
//! ```
//!
//! An event reaches the host as a record of the invocation in which it happens, with its level, its target as the category, and a text such
//! as `pay{customer=3}: charged order=7`: the spans around it with their fields, the message, and its own fields. While an orchestration
//! replays, events are dropped: they were told before. Each invocation has a span, `invocation`, with the fields `function`,
//! `invocation_id` and `trace_parent`, for other layers of the app; the records do not repeat it, since the host knows them.

use crate::{
    context::INVOCATION,
    worker::logger::{self, Fields},
};
use std::{fmt, fmt::Write, sync::Once};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, Filter, SubscriberExt},
    registry::{LookupSpan, Scope},
};

/// Forwards events to the host, each as a record of its invocation. What `host.json` does not want is not forwarded.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    Forward.with_filter(Wanted)
}

/// Makes ours the subscriber of the process, unless it has one.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        logger::when_levels_change(levels_changed);
        let ours = tracing_subscriber::registry().with(layer());
        let _ = tracing::subscriber::set_global_default(ours);
    });
}

/// The levels of the host are others than before.
fn levels_changed() {
    tracing::callsite::rebuild_interest_cache();
}

/// What the host wants.
struct Wanted;

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        let log = log::Metadata::builder()
            .level(level(metadata))
            .target(metadata.target())
            .build();
        // A span that begins while an orchestration replays may still be around what is new.
        match metadata.is_span() {
            true => logger::wanted(&log),
            false => logger::enabled(&log),
        }
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        // It depends on the invocation.
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match log::max_level() {
            log::LevelFilter::Off => LevelFilter::OFF,
            log::LevelFilter::Error => LevelFilter::ERROR,
            log::LevelFilter::Warn => LevelFilter::WARN,
            log::LevelFilter::Info => LevelFilter::INFO,
            log::LevelFilter::Debug => LevelFilter::DEBUG,
            log::LevelFilter::Trace => LevelFilter::TRACE,
        })
    }
}

fn level(metadata: &Metadata<'_>) -> log::Level {
    match *metadata.level() {
        tracing::Level::ERROR => log::Level::Error,
        tracing::Level::WARN => log::Level::Warn,
        tracing::Level::INFO => log::Level::Info,
        tracing::Level::DEBUG => log::Level::Debug,
        _ => log::Level::Trace,
    }
}

/// Makes records of events.
struct Forward;

/// The fields of a span as text, kept with it.
struct OfSpan(Fields);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forward {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut text = Text::default();
        attributes.record(&mut text);
        span.extensions_mut().replace(OfSpan(text.fields));
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut text = Text::default();
        record.record(&mut text);
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<OfSpan>() {
            Some(OfSpan(fields)) if !fields.0.is_empty() => {
                fields.0.push(' ');
                fields.0.push_str(&text.fields.0);
            }
            _ => drop(extensions.replace(OfSpan(text.fields))),
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = String::new();
        let spans = context.event_scope(event).into_iter().flat_map(Scope::from_root);
        for span in spans.filter(|span| span.metadata().target() != INVOCATION) {
            line.push_str(span.name());
            if let Some(OfSpan(fields)) = span.extensions().get::<OfSpan>()
                && !fields.0.is_empty()
            {
                let _ = write!(line, "{{{}}}", fields.0);
            }
            line.push_str(": ");
        }
        let mut text = Text::default();
        event.record(&mut text);
        line.push_str(&text.message);
        if !text.message.is_empty() && !text.fields.0.is_empty() {
            line.push(' ');
        }
        line.push_str(&text.fields.0);
        let metadata = event.metadata();
        logger::emit(level(metadata), metadata.target(), line);
    }
}

/// The message of an event, and the fields of an event or span.
#[derive(Default)]
struct Text {
    message: String,
    fields: Fields,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields.push(name, &format!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.fields.push(name, value),
        }
    }
}
