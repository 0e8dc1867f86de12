"""Lag, built in BUILD, beside its peers: tables (NAME.md), numbers (NAME.csv) and pictures (NAME.svg) into OUT. The exit status
is 1 if values differ."""
import argparse
import os
import re
import shutil
import sys

import heyoka
import rebound
import reboundx
import scipy

from lag_peer import Library
from measure import Worker, machine, pin
from step_table import step_table
from systems import HERE
from work_precision import CASES, QUICK, work_precision

README, MARKS = os.path.join(HERE, "README.md"), ("<!-- measured -->\n", "<!-- end -->\n")
PARTS = ["machine", "step", *(case.name for case in CASES)]


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("build", metavar="BUILD")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--jax-old", help="the Python that has requirements-jax-old.txt")
    parser.add_argument("--quick", action="store_true", help="a minute: few settings, to see that all works")
    parser.add_argument("--only", metavar="NAME,...", help="of " + ", ".join(PARTS[1:]))
    parser.add_argument("--readme", action="store_true", help="put the tables and pictures that are in OUT into README.md")
    return parser.parse_args()


def say(line):
    print(line, flush=True)


def write_readme(out):
    """The tables between the marks, and the pictures beside."""
    tables = [open(os.path.join(out, part + ".md")).read() for part in PARTS]
    with open(README) as file:
        before, _, after = re.split(f"(?<={MARKS[0]})(.*)(?={MARKS[1]})", file.read(), maxsplit=1, flags=re.S)
    with open(README, "w") as file:
        file.write(before + "\n" + "\n".join(tables) + "\n" + after)
    for case in CASES:
        shutil.copy(os.path.join(out, case.name + ".svg"), HERE)


def main():
    options = arguments()
    out = os.path.abspath(options.out)
    os.makedirs(out, exist_ok=True)
    pin()
    library = Library(os.path.abspath(options.build))
    workers = [Worker(python) for python in (options.jax_old, sys.executable) if python]
    name, facts = machine()
    versions = f"lag {library.version}, heyoka {heyoka.__version__}, {', '.join('JAX ' + w.version for w in workers)}"
    versions += f", REBOUND {rebound.__version__} with reboundx {reboundx.__version__}, SciPy {scipy.__version__}"
    say(f"{name}, {facts}; {versions}")
    good = []

    def part(name, measure):
        if name in (options.only or ",".join(PARTS)).split(","):
            text, agree = measure()
            good.append(agree)
            say("\n" + text)
            with open(os.path.join(out, name + ".md"), "w") as file:
                file.write(text)

    part("machine", lambda: (f"One core of {facts}; {versions}.\n", True))
    part("step", lambda: step_table(library, workers, options.quick, say))
    for case in QUICK if options.quick else CASES:
        part(case.name, lambda: work_precision(case, library, workers, out, say))
    for worker in workers:
        worker.end()
    if options.readme and all(good):
        write_readme(out)
    return not all(good)


sys.exit(main())
