//! The timer functions of the app: which there are, and how they are run.

use super::{
    function::{Binding, FunctionTable},
    invocation::TriggerInput,
    runner::FunctionRunner,
    timers::{RunTimer, StatusStore, Timer, TimerRun, Timers, Zone},
};
use crate::durable::{Clock, SystemClock};
use chrono::Local;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Listens to the timers of the newest functions.
pub(crate) struct AppTimers {
    statuses: StatusStore,
    zone: Zone,
    clock: Arc<dyn Clock>,
    run: RunTimer,
    /// What is listened to: name and trigger of each function.
    known: Vec<(String, Map<String, Value>)>,
    listening: Option<Timers>,
}

impl fmt::Debug for AppTimers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AppTimers")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl AppTimers {
    pub(crate) fn new(runner: FunctionRunner, statuses: StatusStore, zone: Zone) -> Self {
        Self {
            statuses,
            zone,
            clock: Arc::new(SystemClock),
            run: Arc::new(move |run| {
                let runner = runner.clone();
                Box::pin(async move { run_timer(&runner, run).await })
            }),
            known: Vec::new(),
            listening: None,
        }
    }

    /// Listens to the timers among `functions`, and tells what is wrong with those that cannot be listened to. A new
    /// worker with the same timers changes nothing: a run that is under way goes on.
    pub(crate) fn set(&mut self, functions: &FunctionTable) -> BTreeMap<usize, String> {
        let mut problems = BTreeMap::new();
        let mut known = Vec::new();
        let mut timers = Vec::new();
        for function in functions.iter().filter(|function| function.is_usable()) {
            let Some(trigger) = function.trigger().filter(|trigger| trigger.is("timerTrigger")) else {
                continue;
            };
            match timer(&function.name, trigger, self.zone) {
                Ok(timer) => {
                    known.push((function.name.clone(), trigger.attributes.clone()));
                    timers.push(timer);
                }
                Err(problem) => {
                    problems.insert(function.index, problem);
                }
            }
        }
        if known != self.known {
            // Runs of the old timers end here: what they ran on is gone.
            self.listening = Some(Timers::start(timers, &self.statuses, &self.clock, &self.run));
            self.known = known;
        }
        problems
    }

    /// Fires nothing more, and waits for the runs that are under way.
    pub(crate) async fn stop(self) {
        if let Some(listening) = self.listening {
            listening.stop().await;
        }
    }
}

/// What the binding says, or in a sentence why it cannot be used.
fn timer(function: &str, binding: &Binding, zone: Zone) -> Result<Timer, String> {
    Timer::from_binding(function, &binding.attributes, zone).map_err(|error| {
        let mut written = binding.as_written.iter();
        // Else one would look for the schedule in the code.
        match written.find(|(name, _)| name.eq_ignore_ascii_case("schedule")) {
            Some((_, written)) => format!("{error}; it is what the app settings make of `{written}`."),
            None => format!("{error}."),
        }
    })
}

async fn run_timer(runner: &FunctionRunner, run: TimerRun) {
    let Ok(function) = runner.find(&run.function).await else {
        return;
    };
    let input = TriggerInput::json(run.info).with_metadata("TimerTrigger", Local::now().to_rfc3339());
    // A failure is in the log, and stops no schedule.
    let _ = runner.fire(&function, input, &run.reason).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::{
            metadata::{AppSettings, read},
            tests::described::metadata,
        },
        project::{LocalSettings, Settings},
    };
    use serde_json::json;

    fn problem(setting: &str) -> Option<String> {
        let local = json!({"IsEncrypted": false, "Values": {"EVERY": setting}}).to_string();
        let settings = AppSettings {
            settings: Settings::new([], &LocalSettings::parse("local.settings.json", &local).unwrap()),
            allow_list: None,
        };
        let binding = r#"{"type":"timerTrigger","name":"timer","schedule":"%EVERY%"}"#;
        let functions = read(vec![metadata("tick", &[binding])], &settings);
        timer("tick", functions[0].trigger().unwrap(), Zone::UTC).err()
    }

    #[test]
    fn a_setting_that_holds_no_schedule_is_refused_at_start_and_named() {
        assert_eq!(problem("0 */5 * * * *"), None);
        assert_eq!(
            problem("0 */0 * * * *").unwrap(),
            "`0 */0 * * * *` is not a schedule: `0` is no step for the minute: it is a number above 0; it is what the app \
             settings make of `%EVERY%`."
        );
        for text in ["5", "0 0 0 * * Sat-Sun", "often"] {
            assert!(problem(text).unwrap().ends_with("`%EVERY%`."), "{text}");
        }
    }
}
