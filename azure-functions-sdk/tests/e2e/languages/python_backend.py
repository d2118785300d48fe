"""PyPI's in-memory Durable Task backend, and its client: `python_backend.py PORT`. Stories of orchestrations that another worker runs."""

import os
import sys
import time
import traceback

from durabletask import client, entities
from durabletask.client import OrchestrationStatus
from durabletask.testing import create_test_backend


def failed(*what):
    """The threads of the server would keep the process."""
    traceback.print_exception(*what)
    sys.stderr.flush()
    os._exit(1)


sys.excepthook = failed
PORT = int(sys.argv[1])
DEADLINE = 60

backend = create_test_backend(port=PORT)
print("serving", flush=True)
c = client.TaskHubGrpcClient(host_address=f"127.0.0.1:{PORT}")


def ended(instance_id):
    state = c.wait_for_orchestration_completion(instance_id, timeout=DEADLINE)
    assert state is not None
    return state


def run(name, value=None):
    return ended(c.schedule_new_orchestration(name, input=value))


def output(state):
    assert state.runtime_status == OrchestrationStatus.COMPLETED, (state.runtime_status, state.failure_details)
    return state.serialized_output


def tell(name):
    print(name, flush=True)


assert output(run("add_three", 4)) == "7"
tell("a sequence")

assert output(run("fan_out_alone", 20)) == "210"
tell("a fan-out")

failed = run("fails_alone")
assert failed.runtime_status == OrchestrationStatus.FAILED
assert "no tea" in failed.failure_details.message, failed.failure_details
tell("a failure that is not caught")

assert "no coffee" in output(run("retries_alone"))
tell("attempts with timers between them")

assert output(run("counts_down", 3)) == '"lift-off"'
tell("a start over")

waiting = c.schedule_new_orchestration("waits_alone")
deadline = time.time() + DEADLINE
while c.get_orchestration_state(waiting).serialized_custom_status != '"waiting"':
    assert time.time() < deadline
    time.sleep(0.02)
c.suspend_orchestration(waiting)
c.raise_orchestration_event(waiting, "answer", data=42)
c.resume_orchestration(waiting)
result = output(ended(waiting))
assert '"answer":42' in result and '"sum":10' in result, result
tell("an event, a timer, a child, suspended and resumed")

ended_by_hand = c.schedule_new_orchestration("waits_alone")
c.wait_for_orchestration_start(ended_by_hand, timeout=DEADLINE)
c.terminate_orchestration(ended_by_hand, output="enough")
assert ended(ended_by_hand).runtime_status == OrchestrationStatus.TERMINATED
tell("a termination")

tallied = c.schedule_new_orchestration("tallies", input=5, instance_id="tallied")
assert output(ended(tallied)) == "6"
entity = entities.EntityInstanceId("tally", "by-hand")
c.signal_entity(entity, "add", input=3)
c.signal_entity(entity, "add", input=4)
deadline = time.time() + DEADLINE
while True:
    state = c.get_entity(entity)
    # Empty until the first operation has ended.
    if state is not None and str(state.get_state()) == "7":
        break
    assert time.time() < deadline, state
    time.sleep(0.02)
tell("an entity, called and signalled")

backend.stop(0)
print("all done", flush=True)
