"""PyPI's Durable Task worker and client, whose hub is killed meanwhile: `python_crash.py HOST:PORT`. Says how many instances have ended;
the hub may be killed and started again at any time."""

import sys
import threading
import time

import grpc
from durabletask import client, task, worker

ADDRESS = sys.argv[1]
INSTANCES = 40
DEADLINE = time.monotonic() + 60


def step(_, number):
    time.sleep(0.02)
    return number + 1


def chain(context, number):
    for _ in range(3):
        number = yield context.call_activity(step, input=number)
    return number + sum((yield task.when_all([context.call_activity(step, input=0) for _ in range(3)])))


def until_reached(call):
    """The hub may be away."""
    while True:
        try:
            return call()
        except (grpc.RpcError, TimeoutError):
            assert time.monotonic() < DEADLINE
            time.sleep(0.05)


def run(number):
    id = f"crash-{number}"
    # Some are in each of their states when the hub is killed.
    time.sleep(number * 0.05)

    def start():
        try:
            starter.schedule_new_orchestration(chain, input=number, instance_id=id)
        except grpc.RpcError as error:
            # The answer to the first try was lost.
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise

    until_reached(start)
    state = until_reached(lambda: starter.wait_for_orchestration_completion(id, timeout=2))
    assert state.get_output() == number + 6, state
    with lock:
        ended.append(number)
        print(len(ended), flush=True)


ended = []
lock = threading.Lock()
with worker.TaskHubGrpcWorker(host_address=ADDRESS) as own:
    own.add_orchestrator(chain)
    own.add_activity(step)
    own.start()
    starter = client.TaskHubGrpcClient(host_address=ADDRESS)
    threads = [threading.Thread(target=run, args=[number]) for number in range(INSTANCES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert len(ended) == INSTANCES, ended
print("all done", flush=True)
