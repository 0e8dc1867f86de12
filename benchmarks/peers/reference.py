"""reference.py: makes reference.csv, the ends that errors are measured against, by heyoka with 113 bits, and says how far
off its ends with 64 bits are. Takes minutes; nothing else runs it."""
import csv
import sys

import heyoka as hy
import numpy as np

from systems import DRAGGED, PENDULUM, REFERENCE

RUNS = ((DRAGGED, 200.0, 4), (PENDULUM, 10.0, 4), (DRAGGED, 20000.0, 2))
FORMATS = ((hy.real128, "1e-26"), (np.longdouble, "1e-19"))


def main():
    rows = []
    for system, time, starts in RUNS:
        variables = hy.make_vars("q1", "q2", "v1", "v2")
        equations = list(zip(variables, system.rates(hy, hy.time, variables)))
        zero = lambda real: np.array([real(0)] * 4)
        solvers = [(real, hy.taylor_adaptive(equations, zero(real), fp_type=real, tol=real(tol))) for real, tol in FORMATS]
        for k in range(starts):
            ends = []
            for real, solver in solvers:
                q, pi = system.start(k)
                solver.time = real(0)
                solver.state[:] = [real(x) for x in q] + system.velocity([real(x) for x in pi])
                solver.propagate_until(real(time))
                ends.append([hy.real128(x) for x in solver.state[:2]])
            rows.append([system.name, time, k, *map(str, ends[0])])
            apart = max(abs(float(a - b)) for a, b in zip(*ends))
            print(f"{system.title}, t = {time:g}, start {k}: the two differ by {apart:.1e}", flush=True)
    with open(REFERENCE, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


sys.exit(main())
