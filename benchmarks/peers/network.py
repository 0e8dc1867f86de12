"""Training steps of the network that reads motion, by lag, built in BUILD, and by JAX, in turns: network.py [--quick] BUILD. Outputs and
gradients first, from the same weights: exit status 1 where they differ by more than floats do."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from measure import ONE_THREAD, machine, table
from systems import HERE

CASES = [(1, 64, 64), (1, 64, 1024), (2, 50, 64), (2, 50, 1024)]  # layers, units, batch
FAR = 2e-5


class Peer:
    """A program that is told a case, answers a line, and then times steps."""

    def __init__(self, command, cores, case, **environment):
        begin = lambda: os.sched_setaffinity(0, cores)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, preexec_fn=begin, env={**os.environ, **environment})
        self.begun = self.ask(case)

    def ask(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]} has ended")
        return answer

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def start(build, pythons, cores, case, file):
    """lag first, which writes the file that the others read."""
    layers, units, batch = case
    lag = Peer([os.path.join(build, "benchmarks", "network"), "peer"], cores, f"{len(cores)} {batch} {layers} {units} {file}")
    flags = ONE_THREAD if len(cores) == 1 else ""
    script = os.path.join(HERE, "jax_network.py")
    told = f"{batch} {layers} {units} {file}"
    return lag, [Peer([python, script], cores, told, XLA_FLAGS=flags, JAX_PLATFORMS="cpu") for python in pythons]


def measure(build, pythons, cores, case, turns):
    """Samples a second of lag and of each JAX; their versions; the greatest distances of outputs and gradients."""
    with tempfile.TemporaryDirectory() as folder:
        lag, others = start(build, pythons, cores, case, os.path.join(folder, "values"))
        begun = [json.loads(other.begun) for other in others]
        peers, seconds = [lag, *others], [[] for _ in range(1 + len(others))]
        steps = [max(1, round(0.2 / float(peer.ask(2)))) for peer in peers]  # of a turn of 0.2 s
        for _ in range(turns):
            for peer, count, times in zip(peers, steps, seconds):
                times.append(float(peer.ask(count)))
        for peer in peers:
            peer.end()
    speeds = [case[2] / statistics.median(times) for times in seconds]
    return speeds, [b["version"] for b in begun], [max(b["far"][i] for b in begun) for i in (0, 1)]


def main():
    parser = argparse.ArgumentParser(prog="network.py", description=__doc__)
    parser.add_argument("build", metavar="BUILD")
    parser.add_argument("--quick", action="store_true", help="one turn of each: does it all work?")
    asked = parser.parse_args()
    old = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(sys.executable))), "old", "bin", "python")
    pythons = [sys.executable] + ([old] if os.path.exists(old) else [])
    cores = sorted(os.sched_getaffinity(0))
    good, rows = True, []
    for count in (1, 2) if len(cores) > 1 else (1,):
        for case in CASES:
            speeds, versions, far = measure(asked.build, pythons, set(cores[-count:]), case, 1 if asked.quick else 9)
            good = good and max(far) < FAR
            ahead = speeds[0] / max(speeds[1:])
            rows.append([f"{case[0]} × {case[1]}", case[2], count, *(f"{s:.0f}" for s in speeds), f"{ahead:.2f}", *(f"{x:.0e}" for x in far)])
            print(*rows[-1], flush=True)
    head = ["units", "batch", "cores", "lag", *(f"JAX {v}" for v in versions), "lag ahead", "outputs apart", "gradients apart"]
    print(", ".join(machine()), "samples a second:\n", sep="\n")
    print(table(head, rows))
    return 0 if good else 1


sys.exit(main())
