"""How things are measured: on one core, in turns, medians of CPU seconds, so that other programs' turns don't count."""
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from systems import HERE

ROUNDS, SECONDS_AT_LEAST = 7, 5e-3  # of turns; of one timing, by repeating what takes less
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def pin():
    """This process and those it starts, on one core: the last."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})


def machine():
    """The CPU's name, and what of the machine matters here."""
    with open("/proc/cpuinfo") as file:
        lines = [line.split(":", 1) for line in file if ":" in line]
    facts = {name.strip(): value.strip() for name, value in lines}
    flags = facts.get("flags", "").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine()
    return facts.get("model name", platform.machine()), f"{os.cpu_count()} cores, {vectors}"


def repeats(seconds):
    """How often to run what takes so long in one timing."""
    return max(1, round(SECONDS_AT_LEAST / max(seconds, 1e-9)))


def alternate(timings, rounds=None):
    """Runs the functions, which return seconds, in turns, each as often as `rounds` says; the median of each."""
    rounds, seconds = rounds or [ROUNDS] * len(timings), [[] for _ in timings]
    for turn in range(max(rounds)):
        for most, times, timing in zip(rounds, seconds, timings):
            if turn < most:
                times.append(timing())
    return [statistics.median(times) for times in seconds]


class Worker:
    """jax_worker.py under some Python."""

    def __init__(self, python):
        command = [python, os.path.join(HERE, "jax_worker.py")]
        environment = dict(os.environ, XLA_FLAGS=ONE_THREAD, JAX_PLATFORMS="cpu")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.version = self.answer()["version"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("jax_worker.py has ended")
        return json.loads(line)

    def ask(self, job, q, pi, h, c, count, repeat=1, keep=0):
        request = dict(job=job, q=q, pi=pi, h=h, c=c, count=count, repeat=repeat, keep=keep)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def jax_job(system, r, how, apart, iterations, uses=1, rows=0):
    return dict(system=system.name, r=r, how=how, apart=apart, iterations=iterations, uses=uses, rows=rows)


def nanoseconds(seconds):
    return f"{1e9 * seconds:.0f}" if seconds >= 10e-9 else f"{1e9 * seconds:.1f}"


def short(seconds):
    """Seconds as a person reads them."""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            break
    value = seconds / unit
    return f"{value:.0f} {name}" if value >= 99.5 else f"{value:.3g} {name}"


def table(head, rows):
    """A table of Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"
