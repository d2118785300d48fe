"""A pytest plugin for the tests of durabletask-python: where a test makes an in-memory backend, it gets a hub of `cargo func host`.

The program is named by `CARGO_FUNC`. The tests themselves stay as they are.
"""

import os
import shutil
import subprocess
import tempfile

import durabletask.testing


class Hub:
    """Has the methods of the in-memory backend that tests call."""

    def __init__(self, port, max_history_size=None):
        self.data = tempfile.mkdtemp(prefix="hub-")
        log = open(os.environ["HUB_LOG"], "ab")
        self.process = subprocess.Popen(
            [os.environ["CARGO_FUNC"], "func", "host", "--port", "0", "--grpc-port", str(port), "--data-dir", self.data],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        for line in self.process.stdout:
            if line.startswith("Workers and clients: "):
                break
        else:
            raise RuntimeError(f"the host did not start; see {log.name}")

    def stop(self, grace=None):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def reset(self):
        shutil.rmtree(self.data, ignore_errors=True)


def create_test_backend(port=50051, max_history_size=10000):
    return Hub(port, max_history_size)


durabletask.testing.create_test_backend = create_test_backend
