"""PyPI's Durable Task worker and client against a hub: `python_stories.py HOST:PORT`. Ends with a line for each story that is told."""

import sys
import threading
import time
from datetime import timedelta

from durabletask import client, entities, history, task, worker

ADDRESS = sys.argv[1]
DEADLINE = 60

attempts = {}
lock = threading.Lock()
gate = threading.Event()


def counted(name):
    with lock:
        attempts[name] = attempts.get(name, 0) + 1
        return attempts[name]


def hello(_, name):
    return f"Hello {name}!"


def square(_, number):
    return number * number


def nothing(_, __):
    return None


def flaky(_, name):
    if counted(name) < 3:
        raise ValueError(f"{name} is not ready")
    return "ready"


def broken(_, text):
    raise ValueError(text)


def waits_for_the_gate(_, __):
    gate.wait(DEADLINE)
    return "open"


def sequence(context, _):
    greetings = []
    for city in ["Tokyo", "London", "Zürich ✓"]:
        greetings.append((yield context.call_activity(hello, input=city)))
    return greetings


def fan_out(context, count):
    results = yield task.when_all([context.call_activity(square, input=number) for number in range(count)])
    return sum(results)


def nulls(context, input):
    return [input, (yield context.call_activity(nothing))]


RETRY = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=3)


def retries(context, name):
    return (yield context.call_activity(flaky, input=name, retry_policy=RETRY))


def exhausted(context, _):
    yield context.call_activity(broken, input="always", retry_policy=RETRY)


def caught(context, _):
    try:
        yield context.call_activity(broken, input="no luck")
    except task.TaskFailedError as error:
        return [error.details.error_type, error.details.message]


def uncaught(context, _):
    yield context.call_activity(broken, input="no luck")


def timer(context, milliseconds):
    began = context.current_utc_datetime
    yield context.create_timer(timedelta(milliseconds=milliseconds))
    return (context.current_utc_datetime - began) >= timedelta(milliseconds=milliseconds)


def approval(context, milliseconds):
    event = context.wait_for_external_event("approval")
    late = context.create_timer(timedelta(milliseconds=milliseconds))
    if (yield task.when_any([event, late])) is event:
        return event.get_result()
    return "late"


def two_events(context, _):
    first = yield context.wait_for_external_event("first")
    second = yield context.wait_for_external_event("second")
    return [first, second]


def child(context, input):
    yield context.call_activity(hello, input="child")
    if input == "fails":
        raise RuntimeError("the child fails")
    return [input, context.is_replaying]


def parent(context, _):
    good = yield context.call_sub_orchestrator(child, input="good")
    try:
        yield context.call_sub_orchestrator(child, input="fails")
    except task.TaskFailedError as error:
        return [good[0], error.details.message]


def parent_of_terminated(context, id):
    try:
        yield context.call_sub_orchestrator(two_events, instance_id=id)
    except task.TaskFailedError as error:
        return error.details.message


def parent_that_waits(context, id):
    yield context.call_sub_orchestrator(two_events, instance_id=id)


def looping(context, left):
    event = yield context.wait_for_external_event("go")
    yield context.call_activity(square, input=left)
    if left > 1:
        context.continue_as_new(left - 1, save_events=True)
        return
    return event


def shows(context, _):
    context.set_custom_status({"step": 1})
    yield context.wait_for_external_event("on")
    context.set_custom_status("two")
    yield context.wait_for_external_event("on")
    return "done"


def tagged(context, _):
    return (yield context.call_activity(hello, input="tags", tags={"call": "one"}))


def versioned_of(version):
    def versioned(context, _):
        return [context.version, version]

    return versioned


def gated(context, _):
    return (yield context.call_activity(waits_for_the_gate))


def sends(context, target):
    context.send_event(target, "first", data="sent")
    return "sent"


def counter(context, input):
    if context.operation == "add":
        context.set_state(context.get_state(int, 0) + input)
    elif context.operation == "fail":
        context.set_state(-1)
        raise ValueError("no luck")
    elif context.operation == "forward":
        context.signal_entity(entities.EntityInstanceId("counter", input), "add", context.get_state(int, 0))
    elif context.operation == "start":
        return context.schedule_new_orchestration("nulls", input="by an entity", instance_id=input)
    elif context.operation == "delete":
        context.set_state(None)
        return None
    return context.get_state(int, 0)


def counts(context, key):
    id = entities.EntityInstanceId("Counter", key)
    context.signal_entity(id, "add", 2)
    first = yield context.call_entity(id, "add", 3)
    try:
        yield context.call_entity(id, "fail")
    except task.TaskFailedError as error:
        message = str(error)
    return [first, (yield context.call_entity(id, "get")), message]


def moves(context, keys):
    """Two counters change together: nobody sees one without the other."""
    both = [entities.EntityInstanceId("counter", key) for key in keys]
    with (yield context.lock_entities(both)):
        read = []
        for one in both:
            read.append((yield context.call_entity(one, "get")))
        yield context.call_activity(square, input=1)
        yield context.call_entity(both[0], "add", 1)
        yield context.call_entity(both[1], "add", 1)
    return read


ORCHESTRATORS = [
    sequence, fan_out, nulls, retries, exhausted, caught, uncaught, timer, approval, two_events, child, parent,
    parent_of_terminated, parent_that_waits, looping, shows, tagged, gated, sends,
    counts, moves,
]
ACTIVITIES = [hello, square, nothing, flaky, broken, waits_for_the_gate]


def make_worker():
    made = worker.TaskHubGrpcWorker(host_address=ADDRESS)
    for orchestrator in ORCHESTRATORS:
        made.add_orchestrator(orchestrator)
    for activity in ACTIVITIES:
        made.add_activity(activity)
    made.add_entity(counter)
    return made


class Stories:
    def __init__(self):
        self.client = client.TaskHubGrpcClient(host_address=ADDRESS)

    def start(self, orchestrator, input=None, id=None, **more):
        return self.client.schedule_new_orchestration(orchestrator, input=input, instance_id=id, **more)

    def end(self, id):
        return self.client.wait_for_orchestration_completion(id, timeout=DEADLINE)

    def output(self, orchestrator, input=None, **more):
        state = self.end(self.start(orchestrator, input, **more))
        assert state.runtime_status == client.OrchestrationStatus.COMPLETED, state
        return state.get_output()

    def until(self, id, holds):
        end = time.monotonic() + DEADLINE
        while True:
            state = self.client.get_orchestration_state(id)
            if holds(state):
                return state
            assert time.monotonic() < end, state
            time.sleep(0.02)

    def sequence(self):
        assert self.output(sequence) == ["Hello Tokyo!", "Hello London!", "Hello Zürich ✓!"]

    def fan_out(self):
        assert self.output(fan_out, 50) == sum(number * number for number in range(50))

    def nulls(self):
        assert self.output(nulls) == [None, None]

    def retries(self):
        assert self.output(retries, "service") == "ready"
        assert attempts["service"] == 3

    def retries_exhausted(self):
        state = self.end(self.start(exhausted))
        assert state.runtime_status == client.OrchestrationStatus.FAILED
        assert "always" in state.failure_details.message, state.failure_details

    def failure_caught(self):
        error_type, message = self.output(caught)
        assert "ValueError" in error_type and "no luck" in message, (error_type, message)

    def failure_not_caught(self):
        state = self.end(self.start(uncaught))
        assert state.runtime_status == client.OrchestrationStatus.FAILED
        assert "no luck" in state.failure_details.message, state.failure_details
        try:
            state.raise_if_failed()
        except client.OrchestrationFailedError:
            pass
        else:
            raise AssertionError("it does not raise")

    def unknown_names(self):
        state = self.end(self.start("no_such_orchestrator"))
        assert state.runtime_status == client.OrchestrationStatus.FAILED
        assert "no_such_orchestrator" in state.failure_details.message, state.failure_details

    def timers(self):
        assert self.output(timer, 300) is True
        assert self.output(timer, -1000) is True

    def events(self):
        id = self.start(approval, 60_000)
        self.client.raise_orchestration_event(id, "approval", data={"by": "me"})
        assert self.end(id).get_output() == {"by": "me"}
        assert self.output(approval, 100) == "late"

    def events_early(self):
        id = self.start(two_events)
        self.client.raise_orchestration_event(id, "second", data=2)
        self.client.raise_orchestration_event(id, "first")
        assert self.end(id).get_output() == [None, 2]

    def events_between_instances(self):
        id = self.start(two_events)
        assert self.output(sends, id) == "sent"
        self.client.raise_orchestration_event(id, "second", data=2)
        assert self.end(id).get_output() == ["sent", 2]

    def children(self):
        good, message = self.output(parent)
        assert good == "good" and "the child fails" in message, message

    def continue_as_new(self):
        id = self.start(looping, 3)
        for round in range(3):
            self.client.raise_orchestration_event(id, "go", data=round)
        assert self.end(id).get_output() == 2

    def suspend_and_resume(self):
        id = self.start(two_events)
        self.client.suspend_orchestration(id)
        self.until(id, lambda state: state.runtime_status == client.OrchestrationStatus.SUSPENDED)
        self.client.raise_orchestration_event(id, "first", data=1)
        self.client.raise_orchestration_event(id, "second", data=2)
        self.client.resume_orchestration(id)
        assert self.end(id).get_output() == [1, 2]

    def terminate(self):
        id = self.start(two_events)
        self.client.wait_for_orchestration_start(id, timeout=DEADLINE)
        self.client.terminate_orchestration(id, output="enough")
        state = self.end(id)
        assert state.runtime_status == client.OrchestrationStatus.TERMINATED
        assert state.get_output() == "enough"

    def terminated_child_tells_its_parent(self):
        id = self.start(parent_of_terminated, "child-to-terminate")
        self.until("child-to-terminate", lambda state: state is not None)
        self.client.terminate_orchestration("child-to-terminate", output="why not")
        assert "why not" in self.end(id).get_output()

    def terminate_recursively(self):
        id = self.start(parent_that_waits, "child-below")
        self.until("child-below", lambda state: state is not None)
        self.client.terminate_orchestration(id, recursive=True)
        for one in [id, "child-below"]:
            assert self.end(one).runtime_status == client.OrchestrationStatus.TERMINATED

    def purge(self):
        id = self.start(sequence)
        self.end(id)
        assert self.client.purge_orchestration(id).deleted_instance_count == 1
        assert self.client.get_orchestration_state(id) is None
        assert self.client.purge_orchestration(id).deleted_instance_count == 0

    def query(self):
        ids = {self.start(nulls, id=f"queried-{number}") for number in range(7)}
        for id in ids:
            self.end(id)
        query = client.OrchestrationQuery(
            runtime_status=[client.OrchestrationStatus.COMPLETED], max_instance_count=3, fetch_inputs_and_outputs=True
        )
        states = [state for state in self.client.get_all_orchestration_states(query)]
        found = [state.instance_id for state in states if state.instance_id.startswith("queried-")]
        assert sorted(found) == sorted(ids), found
        assert all(state.runtime_status == client.OrchestrationStatus.COMPLETED for state in states)

    def ids_are_listed_with_pages(self):
        ids = {self.start(nulls, id=f"listed-{number}") for number in range(5)}
        for id in ids:
            self.end(id)
        found, pages, token = set(), 0, None
        while True:
            page = self.client.list_instance_ids(
                [client.OrchestrationStatus.COMPLETED], page_size=2, continuation_token=token
            )
            assert len(page.items) <= 2, page
            found.update(page.items)
            pages, token = pages + 1, page.continuation_token
            if not token:
                break
        assert ids <= found and pages > 2, (found, pages)

    def history_is_read(self):
        id = self.start(parent)
        self.end(id)
        events = self.client.get_orchestration_history(id)
        kinds = [type(event) for event in events]
        assert kinds[:2] == [history.OrchestratorStartedEvent, history.ExecutionStartedEvent], kinds
        assert kinds.count(history.SubOrchestrationInstanceCreatedEvent) == 2, kinds
        assert kinds.count(history.SubOrchestrationInstanceFailedEvent) == 1, kinds
        ends = [event for event in events if isinstance(event, history.ExecutionCompletedEvent)]
        assert "the child fails" in ends[0].result, ends

    def tags(self):
        id = self.start(tagged, tags={"team": "blue"})
        assert self.end(id).get_output() == "Hello tags!"
        events = self.client.get_orchestration_history(id)
        tags = [event.tags for event in events if hasattr(event, "tags")]
        assert tags == [{"team": "blue"}, {"call": "one"}], tags

    def versions(self):
        """Each in a hub of its own: workers that give back what is of another version, and one that fails it."""
        strict, older = worker.VersionMatchStrategy.STRICT, worker.VersionMatchStrategy.CURRENT_OR_OLDER
        reject, fail = worker.VersionFailureStrategy.REJECT, worker.VersionFailureStrategy.FAIL

        def hub(name, *workers):
            metadata = [("taskhub", name)]
            made = []
            for version, match, failure in workers:
                one = worker.TaskHubGrpcWorker(host_address=ADDRESS, metadata=metadata)
                one.use_versioning(worker.VersioningOptions(version, version, match, failure))
                one.add_orchestrator(versioned_of(version))
                one.start()
                made.append(one)
            its = client.TaskHubGrpcClient(host_address=ADDRESS, metadata=metadata)

            def ends(version):
                id = its.schedule_new_orchestration("versioned", version=version)
                return its.wait_for_orchestration_completion(id, timeout=DEADLINE)

            return ends, made

        ends, matching = hub("Matching", ("1.0", strict, reject), ("2.0", strict, reject))
        for version in ["2.0", "1.0", "2.0"]:
            assert ends(version).get_output() == [version, version]
        ends, failing = hub("Failing", ("2.0", older, fail))
        assert ends("1.0").get_output() == ["1.0", "2.0"]
        state = ends("3.0")
        assert state.runtime_status == client.OrchestrationStatus.FAILED
        assert state.failure_details.error_type == "VersionMismatch", state.failure_details
        stopping = [threading.Thread(target=one.stop) for one in matching + failing]
        for one in stopping:
            one.start()
        for one in stopping:
            one.join()

    def custom_status(self):
        id = self.start(shows)
        state = self.until(id, lambda state: state.serialized_custom_status is not None)
        assert state.get_custom_status() == {"step": 1}
        self.client.raise_orchestration_event(id, "on")
        self.until(id, lambda state: state.get_custom_status() == "two")
        self.client.raise_orchestration_event(id, "on")
        assert self.end(id).get_custom_status() == "two"

    def scheduled_start(self):
        from datetime import datetime, timezone
        at = datetime.now(timezone.utc) + timedelta(milliseconds=700)
        assert self.output(nulls, start_at=at) == [None, None]
        assert datetime.now(timezone.utc) >= at

    def duplicates(self):
        import grpc
        id = self.start(two_events, id="twice")
        try:
            self.start(two_events, id="twice")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.ALREADY_EXISTS, error
        else:
            raise AssertionError("it is started twice")
        self.client.terminate_orchestration(id)
        self.end(id)

    def entity(self, key, holds):
        end = time.monotonic() + DEADLINE
        while True:
            found = self.client.get_entity(entities.EntityInstanceId("counter", key), include_state=True)
            state = found and found.get_state(int)
            if holds(state):
                return
            assert time.monotonic() < end, state
            time.sleep(0.02)

    def entities_are_called_and_signalled(self):
        first, last, message = self.output(counts, "called")
        assert (first, last) == (5, 5), (first, last)
        assert "no luck" in message, message
        self.client.signal_entity(entities.EntityInstanceId("counter", "called"), "add", input=4)
        self.entity("called", lambda state: state == 9)

    def entities_signal_others_and_start_orchestrations(self):
        source = entities.EntityInstanceId("counter", "source")
        self.client.signal_entity(source, "add", input=7)
        self.client.signal_entity(source, "forward", input="target")
        self.client.signal_entity(source, "start", input="by-an-entity")
        self.entity("target", lambda state: state == 7)
        self.until("by-an-entity", lambda state: state is not None)
        assert self.end("by-an-entity").get_output() == ["by an entity", None]

    def entities_are_locked(self):
        keys = [["left", "right"], ["right", "left"]]
        ids = [self.start(moves, keys[number % 2]) for number in range(10)]
        read = [self.end(id).get_output() for id in ids]
        assert all(one == other for one, other in read), read
        assert sorted(one for one, _ in read) == list(range(10)), read

    def entities_are_listed_and_deleted(self):
        for key in ["listed-1", "listed-2"]:
            self.client.signal_entity(entities.EntityInstanceId("counter", key), "add", input=1)
            self.entity(key, lambda state: state == 1)
        query = client.EntityQuery(instance_id_starts_with="@counter@listed-", include_state=True)
        found = sorted(str(one.id.key) for one in self.client.get_all_entities(query))
        assert found == ["listed-1", "listed-2"], found
        self.client.signal_entity(entities.EntityInstanceId("counter", "listed-1"), "delete")
        self.entity("listed-1", lambda state: state is None)
        self.client.clean_entity_storage()

    def lost_worker(self):
        """Its items are given out again: the activity that was lost with the first worker runs on the second one."""
        global the_worker
        id = self.start(gated)
        self.client.wait_for_orchestration_start(id, timeout=DEADLINE)
        time.sleep(0.3)
        stopping = threading.Thread(target=the_worker.stop)
        stopping.start()
        second = make_worker()
        second.start()
        time.sleep(0.3)
        gate.set()
        assert self.end(id).get_output() == "open"
        stopping.join()
        the_worker = second


stories = Stories()
# Work may wait for a worker.
early = stories.start(sequence)
the_worker = make_worker()
the_worker.start()
assert len(stories.end(early).get_output()) == 3
told = [name for name, story in vars(Stories).items() if callable(story)]
failed = False
for name in told:
    if name.startswith("__") or name in ("start", "end", "output", "until", "entity"):
        continue
    began = time.monotonic()
    try:
        getattr(stories, name)()
        print(f"ok {name} {time.monotonic() - began:.2f}", flush=True)
    except Exception as error:
        failed = True
        print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
the_worker.stop()
print("failed" if failed else "all done", flush=True)
sys.exit(failed)
