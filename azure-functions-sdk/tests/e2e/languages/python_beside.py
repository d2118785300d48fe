"""PyPI's Durable Task worker and client beside an app in Rust: `python_beside.py HOST:PORT MANAGEMENT`.

It starts an orchestration of the app, prints its id and its management addresses, and sees it complete. Then it runs one of its own that the
app's client starts, and calls an activity of the app from it.
"""

import json
import sys
import urllib.request

from durabletask import client, worker

ADDRESS, MANAGEMENT = sys.argv[1:]
DEADLINE = 30


def shout(_, text):
    return text.upper()


def written_in_python(context, name):
    greeting = yield context.call_activity("say_hello", input=name)
    return (yield context.call_activity(shout, input=greeting))


with worker.TaskHubGrpcWorker(host_address=ADDRESS) as own:
    own.add_orchestrator(written_in_python)
    own.add_activity(shout)
    own.start()
    starter = client.TaskHubGrpcClient(host_address=ADDRESS)

    id = starter.schedule_new_orchestration("hello_world")
    print(id)
    for action in ["", "/raiseEvent/{name}", "/terminate?reason={text}"]:
        print(f"{MANAGEMENT}/instances/{id}{action}")
    state = starter.wait_for_orchestration_completion(id, timeout=DEADLINE)
    assert state.runtime_status == client.OrchestrationStatus.COMPLETED, state
    assert json.loads(state.serialized_output) == ["Hello Tokyo!", "Hello London!", "Hello Seattle!"], state
    with urllib.request.urlopen(f"{MANAGEMENT}/instances/{id}") as answer:
        assert json.load(answer)["runtimeStatus"] == "Completed"

    # The app's HTTP function starts it by the app's client.
    app = MANAGEMENT.split("/runtime/")[0]
    start = urllib.request.Request(f"{app}/api/orchestrators/written_in_python", b'"you"', {"content-type": "application/json"})
    with urllib.request.urlopen(start) as answer:
        started = json.load(answer)["id"]
    state = starter.wait_for_orchestration_completion(started, timeout=DEADLINE)
    assert state.get_output() == "HELLO YOU!", state
    with urllib.request.urlopen(f"{MANAGEMENT}/instances/{started}") as answer:
        assert json.load(answer)["output"] == "HELLO YOU!"
print("all done", flush=True)
