//! What an episode decided becomes one commit, and at the same moment the hub's memory.

use std::sync::Arc;

use super::{
    Inner,
    attempts::Attempts,
    committed::Committed,
    create::{row_of, tags_json},
    state::{Inbound, Loaded, Source, State, due_micros},
    waiting::Activity,
};
use crate::durable::{
    engine::{
        decision::Decision,
        event::write_events,
        message::{Message, Outgoing},
        played::Played,
        runtime_status::RuntimeStatus,
        trace::context_to_json,
    },
    store::{ActivityRow, Commit, InboxRow, InstanceKey, StoreError, TimerRow},
    streams::Shortened,
};

impl Inner {
    /// Commits a decision.
    pub(super) async fn record(
        self: &Arc<Self>,
        key: InstanceKey,
        mut loaded: Box<Loaded>,
        taken: usize,
        mut decision: Decision,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut commit = Commit::default();
        let pasts = self.reserve_children(&loaded.instance, &decision).await;
        let execution_id: Arc<str> = loaded.instance.execution_id.as_str().into();
        let ends = decision.ends_execution();
        let begins = loaded.instance.history.is_empty();

        // Whatever takes time is done before the lock is taken.
        if decision.continued.is_some() {
            loaded.played = Played::default();
            loaded.session = None;
            commit.cleared.push(key);
        } else if !decision.appended.is_empty() {
            let mut events = String::new();
            write_events(&decision.appended, true, &mut events);
            loaded.played.add(&decision.appended, &events);
            commit.history.push((self.new_row(), key, events));
        }
        let instance_id: Arc<str> = loaded.instance.instance_id.as_str().into();
        let mut activities = Vec::with_capacity(decision.activities.len());
        for task in std::mem::take(&mut decision.activities) {
            let row = self.new_row();
            commit.activities_added.push(ActivityRow {
                row,
                instance: key,
                execution_id: execution_id.to_string(),
                event_id: task.task_id,
                name: task.name.clone(),
                input: task.input.clone(),
                version: task.version.clone(),
                tags: tags_json(&task.tags),
                trace: task.trace.as_ref().map(context_to_json),
            });
            activities.push(Activity {
                row,
                instance: key,
                instance_id: Arc::clone(&instance_id),
                execution_id: Arc::clone(&execution_id),
                task_id: task.task_id,
                name: task.name,
                input: task.input,
                version: task.version,
                tags: task.tags,
                trace: task.trace.map(Box::new),
                failures: 0,
                attempts: Attempts::default(),
            });
        }
        let previous_input = loaded.instance.input.clone();
        let was_ending = loaded.instance.ending.is_some();
        decision.apply(&mut loaded.instance);
        if let Some(ending) = &loaded.instance.ending
            && !was_ending
        {
            log::log!(
                self.runtime.level_of_news(log::Level::Warn),
                "the code of orchestration instance '{instance_id}' has ended ({}), but the instance stays {} until what it has \
                 started has ended, too: {}; on the local host, `cargo func durable get-runtime-status {instance_id}` shows what is left",
                ending.runtime_status,
                loaded.instance.status.name(),
                ending.in_words()
            );
        }
        if loaded.instance.input != previous_input {
            commit.inputs.push((key, loaded.instance.input.clone()));
        }

        let place = self.writer.place().await?;
        let mut guard = self.state();
        let state = &mut *guard;
        state.consume(key, taken, &mut commit);
        let live = state.instances.get_mut(&key).filter(|live| !live.halted);
        let Some(live) = live else {
            // Replaced or halted while it ran: nothing of this is wanted any more.
            drop(place);
            self.episode_ended(state, key);
            return Ok(());
        };
        live.failures = 0;
        live.attempts = Attempts::default();
        live.unwritten += 1;
        live.state = row_of(&loaded.instance, now);
        let life = live.life;
        commit.updated.push((key, live.state.clone()));
        if live.ended() {
            for inbound in live.inbox.drain(..) {
                inbound.source.remove(&mut commit);
            }
        }
        if ends {
            commit.timers_removed.extend(state.disarm(key));
            commit
                .activities_removed
                .extend(state.held.withdraw(key, self.streams.connects()));
        } else {
            self.cancel_timers(state, key, &decision.cancelled_timers, &mut commit);
            self.arm_timers(state, key, &execution_id, &decision, &mut commit);
        }
        if !commit.timers_removed.is_empty() {
            // The task that waits for the earliest must not wait for one that is gone.
            self.timers_changed.notify_one();
        }
        if let Some(start) = decision.continued.take() {
            self.post(state, &instance_id, *start, &mut commit);
        }
        let mut outgoing = std::mem::take(&mut decision.messages);
        for child in std::mem::take(&mut decision.children) {
            self.start_child(state, child, &pasts, now, &mut commit, &mut outgoing);
        }
        for Outgoing { instance_id, message } in outgoing {
            self.post(state, &instance_id, message, &mut commit);
        }
        let deliveries = self.post_to_entities(state, std::mem::take(&mut decision.posted), &mut commit);
        let awaited = begins || ends || !activities.is_empty() || !deliveries.is_empty();
        let committed = Committed::Episode {
            key,
            life,
            activities,
            deliveries,
        };
        match awaited {
            true => place.submit(commit, committed),
            false => place.submit_unawaited(commit, committed),
        }
        if loaded.instance.status.is_terminal() {
            self.episode_ended(state, key);
            drop(guard);
            if loaded.instance.status == RuntimeStatus::Failed {
                // Only on the JSON wire has the worker's call failed, too.
                log::log!(
                    self.runtime.level_of_news(log::Level::Error),
                    "orchestration instance '{instance_id}' of '{}' has failed: {}",
                    loaded.instance.name,
                    Shortened::reason(loaded.instance.output.as_deref().unwrap_or_default())
                );
            }
        } else {
            self.release(state, key, loaded);
        }
        Ok(())
    }

    fn arm_timers(
        &self,
        state: &mut State,
        key: InstanceKey,
        execution_id: &str,
        decision: &Decision,
        commit: &mut Commit,
    ) {
        for timer in &decision.timers {
            let row = self.new_row();
            let due = due_micros(timer.fire_at);
            let message = Message::timer_fired(timer.fire_at, execution_id, timer.timer_id, timer.fire_at);
            commit.timers_added.push(TimerRow {
                row,
                instance: key,
                due,
                message: message.to_json(),
            });
            if state.arm(due, row, key, timer.timer_id, message) {
                self.timers_changed.notify_one();
            }
        }
    }

    fn cancel_timers(&self, state: &mut State, key: InstanceKey, timers: &[i32], commit: &mut Commit) {
        for timer_id in timers {
            let place = state
                .instances
                .get_mut(&key)
                .and_then(|live| live.timers.remove(timer_id));
            if let Some(place) = place {
                state.timers.remove(&place);
                commit.timers_removed.push(place.1);
            }
        }
    }

    /// Puts a message into an instance's inbox, in memory and in the commit; one to an instance that is not there or
    /// has ended is dropped.
    pub(super) fn post(&self, state: &mut State, instance_id: &str, message: Message, commit: &mut Commit) {
        let Some((key, _)) = state.find(instance_id) else {
            log::debug!("a message to instance '{instance_id}', which is not running, was dropped");
            return;
        };
        let row = self.new_row();
        commit.inbox_added.push(InboxRow {
            row,
            instance: key,
            message: message.to_json(),
        });
        state.deliver(key, Source::Inbox(row), message);
    }
}

impl State {
    /// Removes the messages that an episode has taken: those that were there when it began.
    pub(super) fn consume(&mut self, key: InstanceKey, taken: usize, commit: &mut Commit) {
        let Some(live) = self.instances.get_mut(&key) else {
            return;
        };
        for Inbound { source, .. } in live.inbox.drain(..taken.min(live.inbox.len())) {
            source.remove(commit);
        }
    }
}
