"""Nanoseconds a step: lag beside the same step in JAX, in each version by the fastest of the ways that jax_step.py has and with
the fewest iterations whose values agree with lag's."""
import numpy as np

from lag_peer import Model
from measure import alternate, jax_job, nanoseconds, table
from systems import DRAGGED, OSCILLATOR, PENDULUM

TOLERANCE = 1e-10  # of every value, relative to 1 + its size
CHECKED = 200      # rows that are compared
# how, apart, iterations, uses of a Jacobian: for each kind of system, the one that is mostly the fastest first
LINEAR = (("affine", True, 1, 1), ("sweeps", False, 2, 1), ("sweeps", True, 3, 1), ("newton", True, 1, 1))
UNIT_MASS = (("sweeps", False, 3, 1), ("sweeps", False, 2, 1), ("newton", False, 1, 1))
COUPLED = (("newton", True, 1, 2), ("newton", False, 1, 2), ("newton", False, 2, 1))
NEWTON = (("newton", False, 1, 1), ("newton", False, 2, 1), ("newton", False, 1, 2))  # a step that any Lagrangian has
NEWTON_APART = (("newton", True, 1, 1), ("newton", True, 2, 1), *NEWTON)  # takes XLA minutes where r is large
CASES = ((OSCILLATOR, 2, 0.1, 100000, LINEAR), (OSCILLATOR, 4, 0.1, 100000, LINEAR), (DRAGGED, 2, 0.01, 20000, UNIT_MASS),
         (DRAGGED, 4, 0.01, 20000, UNIT_MASS), (DRAGGED, 8, 0.01, 20000, UNIT_MASS), (DRAGGED, 2, 0.01, 20000, NEWTON_APART),
         (DRAGGED, 4, 0.01, 20000, NEWTON_APART), (DRAGGED, 8, 0.01, 20000, NEWTON), (PENDULUM, 2, 0.01, 2000, COUPLED))


def name_of(way):
    how, apart, iterations, uses = way
    count = "" if how == "affine" else f"{iterations if how == 'sweeps' else iterations * uses} "
    return count + {"newton": "Newton" if uses == 1 else "corrections", "sweeps": "sweeps", "affine": "affine map"}[how]


class JaxSteps:
    """A way in a version of JAX; with rows, every state is kept."""

    def __init__(self, worker, system, r, way, h, count):
        job = lambda rows: jax_job(system, r, *way, rows=count if rows else 0)
        self.ask = lambda rows, **more: worker.ask(job(rows), system.q, system.pi, h, system.parameters, count, **more)
        self.name, self.count = name_of(way), count
        first = self.ask(True, keep=CHECKED)
        self.values, self.compiled = np.concatenate(first["rows"], 1), first["compiled"]

    def seconds(self, rows):
        return self.ask(rows)["seconds"] / self.count


def differ(a, b):
    return float(np.max(np.abs(a - b) / (1 + np.abs(b))))


def best_of(worker, case, values, quick, say):
    """The fastest way whose values are lag's, or None."""
    system, r, h, count, ways = case
    good = []
    for way in ways:
        steps = JaxSteps(worker, system, r, way, h, count)
        off = differ(steps.values, values)
        say(f"  JAX {worker.version}, {steps.name}{', apart' if way[1] else ''}: off by {off:.0e}, compiled in "
            f"{steps.compiled:.1f} s, {nanoseconds(steps.seconds(True))} ns a step")
        if off <= TOLERANCE:
            good.append(steps)
            if quick:
                break
    return min(good, key=lambda steps: steps.seconds(True)) if good else None


def row_of(library, workers, case, quick, say):
    system, r, h, count, _ = case
    say(f"{system.title}, r = {r}")
    integrator = Model(library, system).integrator(r)
    kept = integrator.run(system.q, system.pi, h, count, 1)
    values = np.concatenate(kept[:2], 1)[:CHECKED]
    peers = [best_of(worker, case, values, quick, say) for worker in workers]
    if None in peers:
        say(f"VALUES DIFFER: {system.title}, r = {r}")
        return None
    lag = lambda every: lambda: integrator.run(system.q, system.pi, h, count, every)[2] / count
    timings = [lag(1), lag(count)]
    for peer in peers:
        timings += [lambda peer=peer: peer.seconds(True), lambda peer=peer: peer.seconds(False)]
    for timing in timings:
        timing()  # compiles what is not
    seconds = alternate(timings)
    pair = lambda i: f"{nanoseconds(seconds[i])}; {nanoseconds(seconds[i + 1])}"
    cells = [f"{pair(2 + 2 * i)} ({peer.name})" for i, peer in enumerate(peers)]
    ahead = []
    for i in (0, 1):
        best = min(range(len(peers)), key=lambda k: seconds[2 + 2 * k + i])
        ratio = seconds[2 + 2 * best + i] / seconds[i]
        ahead.append(f"lag {ratio:.1f} ×" if ratio >= 1 else f"**JAX {workers[best].version} {1 / ratio:.1f} ×**")
    first = f"{1e3 * integrator.compiled:.0f} ms; " + ", ".join(f"{peer.compiled:.1f} s" for peer in peers)
    return [system.title, r, pair(0), *cells, "; ".join(ahead), first]


def step_table(library, workers, quick, say):
    """The table as text, and whether all values agreed."""
    cases = [case for case in CASES if not quick or case[1] in (2, 4) and case[0] is not PENDULUM]
    rows = [row_of(library, workers, case, quick, say) for case in cases]
    head = ["system", "r", "lag", *(f"JAX {worker.version}" for worker in workers), "ahead", "compiled in"]
    title = "Nanoseconds a step, with every state kept; with the end alone:\n\n"
    return title + table(head, [row for row in rows if row]), None not in rows
