"""PyPI's Durable Task worker with the orchestration that the benchmark runs: `worker.py HOST:PORT`. It works until it is ended."""

import sys
import threading

from durabletask import worker


def say_hello(_, city):
    return f"Hello {city}!"


def sequence(context, _):
    greetings = []
    for city in ["Tokyo", "London", "Seattle"]:
        greetings.append((yield context.call_activity(say_hello, input=city)))
    return greetings


with worker.TaskHubGrpcWorker(host_address=sys.argv[1]) as own:
    own.add_orchestrator(sequence)
    own.add_activity(say_hello)
    own.start()
    print("ready", flush=True)
    threading.Event().wait()
