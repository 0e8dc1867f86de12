"""Work and precision: how long each program takes to the end of a run, by how far from reference.csv it may end."""
import csv
import math
import os
import subprocess
import warnings
from dataclasses import dataclass

from measure import ROUNDS, alternate, short, table
from programs import Rebound, Scipy, SolveIvp, heyoka_settings, jax_settings, lag_settings
from systems import DRAGGED, HERE, PENDULUM, System

SLOW, SLOW_ROUNDS = 1.0, 3  # seconds of a run that gets fewer turns
tens = lambda *powers: [10.0**power for power in powers]
SWEEPS = [("sweeps", False, n, 1) for n in (4, 5, 6, 8, 0)]
NEWTON = [("newton", False, 0, 1), ("newton", False, 1, 3)]


@dataclass
class Case:
    name: str
    system: System
    time: float
    targets: list   # errors at the end that are asked for
    agree: float    # how near each program must get, at its best
    plain: dict     # by program, the name of the setting that one takes who does not look for the best
    lag: tuple      # orders, numbers of steps and slacks, each with each; and tolerances
    jax: tuple      # ways, orders and numbers of steps
    heyoka: list    # tolerances
    scipy: list     # tolerances
    rebound: list   # epsilons

    def settings(self, library, workers):
        settings = lag_settings(library, self.system, self.time, *self.lag)
        settings += heyoka_settings(self.system, self.time, self.heyoka)
        for worker in workers:
            settings += jax_settings(worker, self.system, self.time, *self.jax)
        settings += [Rebound(self.time, epsilon) for epsilon in self.rebound]
        settings += [Scipy(self.system, self.time, tolerance) for tolerance in self.scipy]
        return settings + [SolveIvp(self.system, self.time, PLAIN_TOLERANCE)] * (SolveIvp.program in self.plain)


def halves(first, last):
    """Tolerances of half a decade each, and heyoka's own, which is the finest."""
    return tens(*(-n / 2 for n in range(2 * first, 2 * last + 1))) + [2.0**-52]


A_YEAR = (4, 5, 6, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 160, 400)
PER_RUN = (20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 640, 1000, 2000)
steps = lambda years, a_year: [years * n for n in a_year]
SLACKS = tens(0, 3, 5, 7, 9, 11, 13)
PLAIN_TOLERANCE = 1e-12
AS_IT_COMES = {"REBOUND IAS15": "epsilon = 1e-09"}
WRITTEN_DOWN = {SolveIvp.program: f"rtol = atol = {PLAIN_TOLERANCE:.0e}"}
plain_lag = lambda r, steps: {"lag": f"r = {r}, {steps} steps"}
CASES = (
    Case("prd", DRAGGED, 200.0, tens(-3, -5, -7, -9, -10, -11), agree=1e-6, plain=plain_lag(8, 2000) | AS_IT_COMES | WRITTEN_DOWN,
         lag=((2, 4, 6, 8, 10, 12, 16), steps(200, A_YEAR), SLACKS, tens(*range(-3, -13, -1))),
         jax=(SWEEPS, (4, 6, 8, 10, 12), steps(200, A_YEAR[1:13])),
         heyoka=halves(5, 15), scipy=tens(-6, -8, -10, -11, -12, -13, -14), rebound=tens(-3, -4, -5, -6, -7, -9)),
    Case("prd_20000", DRAGGED, 20000.0, tens(-3, -5, -7, -8), agree=1e-6, plain=plain_lag(8, 200000) | AS_IT_COMES,
         lag=((6, 8, 10, 12), steps(20000, (8, 10, 12, 16, 20, 32)), SLACKS[:4], tens(*range(-3, -9, -1))),
         jax=(SWEEPS[2:4], (8,), steps(20000, (10, 16, 20, 32))),
         heyoka=halves(10, 15), scipy=[], rebound=tens(-6, -9)),
    Case("double_pendulum", PENDULUM, 10.0, tens(-6, -8, -10, -12, -14), agree=1e-12, plain=plain_lag(4, 200) | WRITTEN_DOWN,
         lag=((2, 4, 6, 8, 10, 12, 16), PER_RUN, SLACKS, tens(*range(-5, -15, -1))),
         jax=(NEWTON, (2, 4, 6), PER_RUN[3:15]),
         heyoka=halves(3, 15), scipy=tens(-4, -6, -8, -10, -12, -14), rebound=[]),
)
QUICK = (
    Case("prd", DRAGGED, 200.0, tens(-5, -9), agree=1e-6, plain=plain_lag(8, 2000), lag=((4, 8), steps(200, (8, 10, 16)), SLACKS[:2], tens(-7)),
         jax=([SWEEPS[3]], (8,), [2000]), heyoka=tens(-8, -11, -15), scipy=tens(-10, -13), rebound=tens(-6)),
    Case("double_pendulum", PENDULUM, 10.0, tens(-6, -10), agree=1e-9, plain=plain_lag(4, 200), lag=((4, 8), (64, 100, 200), SLACKS[:2], tens(-7)),
         jax=([NEWTON[1]], (2,), (400,)), heyoka=tens(-4, -8, -12), scipy=tens(-8), rebound=[]),
)


@dataclass
class Point:
    setting: object
    error: float    # root mean square over the starts
    seconds: float


def measured(setting, ends):
    """The setting's point by one timing; infinitely far where it gets nowhere."""
    try:
        squares = [math.dist(setting.run(k), end) ** 2 for k, end in enumerate(ends)]
        error = math.sqrt(sum(squares) / len(squares))
    except RuntimeError:  # lag's: a step that doesn't converge
        error = math.inf
    return Point(setting, error, setting.seconds()) if math.isfinite(error) else Point(setting, math.inf, math.inf)


def fastest(points, target):
    return min((p for p in points if p.error <= target), key=lambda p: p.seconds, default=None)


def chosen(points, case):
    """For each program, what is fastest for a target, and what is nearest; and the plain lag."""
    keep = [min(points, key=lambda p: p.error)] + [fastest(points, target) for target in case.targets]
    return [p for p in points if is_plain(p, case) or any(p is other for other in keep)]


def is_plain(point, case):
    return case.plain.get(point.setting.program) == point.setting.name


def ahead(best):
    """Who is the fastest of {program: point}, and by how much lag is behind, or before the next."""
    others = [p for program, p in best.items() if not program.startswith("lag") and p]
    if not others:
        return "lag" if best["lag"] else "—"
    other = min(others, key=lambda p: p.seconds)
    name = other.setting.program
    if not best["lag"]:
        return f"**{name}; lag does not get there**"
    ratio = other.seconds / best["lag"].seconds
    return f"lag {ratio:.1f} × before {name}" if ratio >= 1 else f"**{name} {1 / ratio:.1f} ×**"


def result(case, programs):
    rows, programs = [], {program: points for program, points in programs.items() if program != SolveIvp.program}
    for target in case.targets:
        best = {program: fastest(points, target) for program, points in programs.items()}
        cells = [f"{short(p.seconds)}: {p.setting.name}" if p else "—" for p in best.values()]
        rows.append([f"{target:.0e}", *cells, ahead(best)])
    return table(["error at most", *programs, "ahead"], rows)


def write(case, programs, folder):
    """The table of numbers and its picture."""
    path = os.path.join(folder, case.name)
    with open(path + ".csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["program", "setting", "error", "seconds", "built"])
        for program, points in programs.items():
            worse = lambda p: any(other.error < p.error and other.seconds < p.seconds for other in points)
            for p in sorted((p for p in points if not worse(p)), key=lambda p: p.error):
                out.writerow([program, p.setting.name, f"{p.error:.3e}", f"{p.seconds:.4e}", f"{p.setting.built:.2e}"])
    title = f"{case.system.title}, to t = {case.time:g}"
    names = " ".join(f"'{program}'" for program in programs)
    variables = f'data = "{path}.csv"; picture = "{path}.svg"; title = "{title}"; programs = "{names}"'
    subprocess.run(["gnuplot", "-e", variables, os.path.join(HERE, "work_precision.gp")], check=True)


def work_precision(case, library, workers, folder, say):
    """The case's table as text, and whether every program ends where it should."""
    warnings.simplefilter("ignore")  # of steps that are too large: their errors show it
    say(f"{case.system.title}, to t = {case.time:g}")
    ends, good, programs = case.system.ends(case.time), True, {}
    for setting in case.settings(library, workers):
        programs.setdefault(setting.program, []).append(measured(setting, ends))
    programs = {program: chosen(points, case) for program, points in programs.items()}
    for program, points in programs.items():
        nearest = min(p.error for p in points)
        say(f"  {program}: {len(points)} settings, the nearest off by {nearest:.1e}")
        if nearest > case.agree:
            good = False
            say(f"VALUES DIFFER: {program}, {case.system.title}")
    points = [p for points in programs.values() for p in points if math.isfinite(p.error)]
    rounds = [SLOW_ROUNDS if p.seconds > SLOW else ROUNDS for p in points]
    for point, seconds in zip(points, alternate([p.setting.seconds for p in points], rounds)):
        point.seconds = seconds
    write(case, programs, folder)
    text = f"{case.system.title}, to t = {case.time:g}:\n\n{result(case, programs)}\n"
    plain = [p for p in points if is_plain(p, case)]
    told = [f"{p.setting.program} with {p.setting.name} {short(p.seconds)}, error {p.error:.1e}" for p in plain]
    text += f"With one setting whatever is asked for: {'; '.join(told)}. "
    made = {program: [p.setting.built for p in points if p.setting.built] for program, points in programs.items()}
    ranges = [f"{program} {short(min(built))} to {short(max(built))}" for program, built in made.items() if built]
    return text + f"Made beforehand, and not in these times: {', '.join(ranges)}.\n", good
