#!/usr/bin/env python3
"""Runs the end-to-end tests of Microsoft's Durable Task SDKs for Python and JavaScript against `cargo func host`, and prints a table.

    python3 azure-functions-sdk/tests/e2e/languages/upstream.py [--only python|js] [--python-source DIR] [--js-source DIR] [-k FILTER]

It builds `cargo func` (or takes the one that the variable CARGO_FUNC names), gets the tests from GitHub at the commits below (or takes a
checkout), and installs what they need from PyPI and npm into a folder below `target/`. It needs Python 3.11, Node.js 20, npm and a network.
What is known not to pass, and why, stands in upstream.md; the exit code is 1 if anything else fails.
"""

import argparse
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import xml.etree.ElementTree

PYTHON = ("microsoft/durabletask-python", "6dfdbac521d9d59d31d7ea975fb669d66f86f4c4")
JS = ("microsoft/durabletask-js", "d073ca0ec7325e4efe5a5ab1eb3d3afa152d6442")

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]

JS_IN_MEMORY = [
    "tests/e2e/orchestration.spec.ts",
    "packages/durabletask-js/test/rewind-e2e.spec.ts",
]


def run(command, **more):
    print("$", " ".join(map(str, command)), flush=True)
    subprocess.run(list(map(str, command)), check=True, **more)


def source(repository, commit, given, folder):
    """A copy of the repository that may be changed."""
    made = folder / f"{repository.rsplit('/')[-1]}-{commit[:12]}"
    if made.exists():
        return made
    if given:
        unpacked = pathlib.Path(tempfile.mkdtemp(dir=folder))
        shutil.copytree(given, unpacked / "tree", ignore=shutil.ignore_patterns(".git", "node_modules"))
        (unpacked / "tree").rename(made)
        unpacked.rmdir()
        return made
    address = f"https://github.com/{repository}/archive/{commit}.tar.gz"
    print("fetching", address, flush=True)
    with urllib.request.urlopen(address, timeout=120) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()))
    unpacked = pathlib.Path(tempfile.mkdtemp(dir=folder))
    archive.extractall(unpacked, filter="data")
    next(unpacked.iterdir()).rename(made)
    unpacked.rmdir()
    return made


class Host:
    """`cargo func host` with an empty hub named `default`, at `address`."""

    def __init__(self, cargo_func, folder):
        self.data = tempfile.mkdtemp(dir=folder, prefix="hub-")
        self.log = open(folder / "hub.log", "ab")
        self.process = subprocess.Popen(
            [cargo_func, "func", "host", "--port", "0", "--grpc-port", "0", "--task-hub", "default", "--data-dir", self.data],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        for line in self.process.stdout:
            found = re.search(r"^Workers and clients: http://(\S+)", line)
            if found:
                self.address = found[1]
                return
        raise RuntimeError(f"the host did not start; see {self.log.name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)


class Results:
    def __init__(self):
        # By file: (test, outcome, what it says).
        self.suites = {}

    def add(self, suite, test, outcome, text):
        self.suites.setdefault(suite, []).append((test, outcome, text))

    def report(self, known):
        unknown = []
        print(f"\n{'suite':<78}{'tests':>6}{'passed':>8}{'skipped':>9}{'failed':>8}")
        sums = [0, 0, 0, 0]
        for suite, tests in sorted(self.suites.items()):
            counts = [len(tests)] + [sum(outcome == one for _, outcome, _ in tests) for one in ("passed", "skipped", "failed")]
            sums = [a + b for a, b in zip(sums, counts)]
            print(f"{suite:<78}{counts[0]:>6}{counts[1]:>8}{counts[2]:>9}{counts[3]:>8}")
        print(f"{'all':<78}{sums[0]:>6}{sums[1]:>8}{sums[2]:>9}{sums[3]:>8}\n")
        for suite, tests in sorted(self.suites.items()):
            for test, outcome, text in tests:
                if outcome == "passed":
                    continue
                is_known = test in known
                if outcome == "failed" and not is_known:
                    unknown.append(test)
                first = next((line for line in text.splitlines() if line.strip()), "")
                print(f"{outcome}{' (known)' if is_known else ''}: {suite}: {test}: {first[:200]}")
        return unknown


def new_report(path):
    """That of an earlier run must not stand for one that was not written."""
    path.unlink(missing_ok=True)
    return path


def read_junit(path, results):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        outcome, text = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, text = "failed", child.get("message") or child.text or ""
            elif child.tag == "skipped":
                outcome, text = "skipped", child.get("message") or ""
        suite = re.sub(r"\.Test\w+$", "", case.get("classname")).replace(".", "/") + ".py"
        results.add(suite, case.get("name"), outcome, text)


def python(arguments, cargo_func, folder, results):
    tree = source(*PYTHON, arguments.python_source, folder)
    interpreter = folder / "python/bin/python"
    if not (folder / "python/installed").exists():
        run([sys.executable, "-m", "venv", "--clear", folder / "python"])
        pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "-e", f"{tree}[azure-blob-payloads,opentelemetry]", "-e", tree / "durabletask-azuremanaged"])
        run([*pip, "pytest", "pytest-asyncio", "pytest-timeout", "aiohttp"])
        (folder / "python/installed").touch()
    environment = {**os.environ, "CARGO_FUNC": str(cargo_func), "HUB_LOG": str(folder / "hub.log"), "PYTHONPATH": str(HERE)}
    options = ["-q", "--timeout", "180", "-p", "no:cacheprovider", *(["-k", arguments.k] if arguments.k else [])]
    pytest = [interpreter, "-m", "pytest", *options]

    own_backend = [
        path.relative_to(tree)
        for path in sorted((tree / "tests/durabletask").rglob("test_*.py"))
        if "create_test_backend" in path.read_text()
    ]
    report = new_report(folder / "python.xml")
    subprocess.run([*pytest, "-p", "upstream_backend", f"--junitxml={report}", *own_backend], cwd=tree, env=environment)
    read_junit(report, results)
    with Host(cargo_func, folder) as host:
        environment.update(ENDPOINT=f"http://{host.address}", TASKHUB="default")
        report = new_report(folder / "python-managed.xml")
        managed = ["-m", "dts", f"--junitxml={report}", "tests/durabletask-azuremanaged"]
        subprocess.run([*pytest, *managed], cwd=tree, env=environment)
        read_junit(report, results)


def read_jest(path, tree, results):
    for suite in json.loads(path.read_text())["testResults"]:
        name = str(pathlib.Path(suite["name"]).relative_to(tree.resolve()))
        if not suite["assertionResults"]:
            results.add(name, "(the file)", "failed", suite["message"])
        for case in suite["assertionResults"]:
            outcome = {"pending": "skipped", "todo": "skipped"}.get(case["status"], case["status"])
            text = re.sub(r"\x1b\[\d+m", "", "\n".join(case["failureMessages"]))
            results.add(name, case["fullName"], outcome, text)


def js(arguments, cargo_func, folder, results):
    tree = source(*JS, arguments.js_source, folder)
    if not (tree / "node_modules/installed").exists():
        run(["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=tree)
        (tree / "node_modules/installed").touch()
    shutil.copy(HERE / "upstream_backend.ts", tree / "upstream_backend.ts")
    # Like the repository's own one, but for what stands for the package.
    config = json.loads(subprocess.run(
        ["node", "-p", "JSON.stringify(require('./jest.config.js'))"], cwd=tree, check=True, capture_output=True, text=True,
    ).stdout)
    config["transform"] = {"^.+\\.tsx?$": ["ts-jest", {"tsconfig": "tsconfig.base.json", "diagnostics": False}]}
    config["testTimeout"] = 60000
    environment = {**os.environ, "CI": "1"}
    jest = ["node", "node_modules/.bin/jest", "--runInBand", "--forceExit", "--silent", *(["-t", arguments.k] if arguments.k else [])]
    replaced = {"^upstream-source$": "<rootDir>/packages/durabletask-js/src/index.ts"}
    for name, files, replacing in [("js", JS_IN_MEMORY, True), ("js-managed", ["test/e2e-azuremanaged"], False)]:
        mapped = dict(config["moduleNameMapper"])
        if replacing:
            mapped = {**mapped, **replaced, r"^@microsoft/durabletask-js$|^\.\./src$": "<rootDir>/upstream_backend.ts"}
        (tree / f"jest.{name}.json").write_text(json.dumps({**config, "rootDir": ".", "moduleNameMapper": mapped}))
        report = new_report(folder / f"{name}.json")
        with Host(cargo_func, folder) as host:
            environment.update(HUB_ENDPOINT=host.address, ENDPOINT=host.address, TASKHUB="default")
            command = [*jest, "-c", f"jest.{name}.json", "--json", f"--outputFile={report}", *files]
            print("$", " ".join(command), flush=True)
            subprocess.run(command, cwd=tree, env=environment)
        read_jest(report, tree, results)


def known():
    """The names of the tests that upstream.md lists as not passing."""
    return set(re.findall(r"^\| `([^`]+)` \|", (HERE / "upstream.md").read_text(), re.MULTILINE))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["python", "js"])
    parser.add_argument("--python-source", type=pathlib.Path, help=f"a checkout of {PYTHON[0]} instead of the one at {PYTHON[1]}")
    parser.add_argument("--js-source", type=pathlib.Path, help=f"a checkout of {JS[0]} instead of the one at {JS[1]}")
    parser.add_argument("-k", help="only tests whose name has this")
    arguments = parser.parse_args()
    cargo_func = os.environ.get("CARGO_FUNC")
    if not cargo_func:
        run(["cargo", "build", "--quiet", "--package", "azure-functions-sdk", "--bin", "cargo-func"], cwd=ROOT)
        cargo_func = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/cargo-func"
    folder = ROOT / "target/upstream"
    folder.mkdir(parents=True, exist_ok=True)
    results = Results()
    for name, suites in [("python", python), ("js", js)]:
        if arguments.only in (None, name):
            suites(arguments, pathlib.Path(cargo_func).resolve(), folder, results)
    unknown = results.report(known())
    if unknown:
        sys.exit(f"{len(unknown)} tests failed that upstream.md does not list")


if __name__ == "__main__":
    main()
