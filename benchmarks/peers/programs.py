"""The programs that work_precision.py compares, each as a list of settings. Each takes a run from one of the starts to its
end; what is timed is that from the first start, and nothing that comes before or after."""
import math
import time as clock

import heyoka as hy
import numpy as np
import rebound
import reboundx
from scipy.integrate import ode, solve_ivp

from lag_peer import METHOD_GGL, Model
from measure import jax_job, repeats
from systems import BETA, DRAGGED, LIGHT, MU


class Setting:
    """program and name; prepare(k), a function that takes the run from start k; end(), the coordinates where it led."""

    built = 0.0  # seconds to make what runs, where that takes any
    once = None  # seconds of one run, when known

    def run(self, k):
        self.prepare(k)()
        return self.end()

    def seconds(self):
        """The CPU's seconds of a run, over as many runs as one timing needs."""
        if self.once is None:
            self.once = self.timed(1)
            if repeats(self.once) == 1:
                return self.once
        return self.timed(repeats(self.once))

    def timed(self, repeat):
        seconds = 0.0
        for _ in range(repeat):
            go = self.prepare(0)
            start = clock.process_time()
            go()
            seconds += clock.process_time() - start
        return seconds / repeat


class Lag(Setting):
    program = "lag"

    def __init__(self, system, integrator, r, steps, slack, time):
        self.name = f"r = {r}, {steps} steps" + (f", slack {slack:.0e}" if slack > 1 else "")
        self.system, self.integrator, self.h, self.steps, self.slack = system, integrator, time / steps, steps, slack
        self.built = integrator.compiled

    def prepare(self, k):
        start = self.system.start(k)
        advance, self.at, _ = self.integrator.prepare(*start, self.h, self.steps, self.steps, self.slack)
        return lambda: self.integrator.check(advance())

    def end(self):
        return self.at[0]


class LagByTol(Setting):
    """What `integrate tol =` chooses, for each start anew; the choosing is not in the time, which is the first start's."""

    program = "lag by tol"

    def __init__(self, model, tolerance, time):
        self.model, self.tolerance, self.time, self.settings = model, tolerance, time, {}
        choice = self.choose(0)
        self.name = f"tol = {tolerance:.0e}" + ("" if choice.method == METHOD_GGL else ", two doubles")
        self.built = self.settings[0].built

    def choose(self, k):
        system = self.model.system
        choice = self.model.choose(*system.start(k), self.tolerance, self.time)
        integrator = self.model.integrator(choice.r, choice.method)
        self.settings[k] = Lag(system, integrator, choice.r, choice.steps, choice.slack, self.time)
        return choice

    def prepare(self, k):
        if k not in self.settings:
            self.choose(k)
        self.of_start = self.settings[k]
        return self.of_start.prepare(k)

    def end(self):
        return self.of_start.end()


def lag_settings(library, system, time, orders, steps, slacks, tolerances):
    model = Model(library, system)
    settings = [Lag(system, it, r, n, slack, time)
                for r in orders for it in [model.integrator(r)] for n in steps for slack in slacks]
    return settings + [LagByTol(model, tolerance, time) for tolerance in tolerances]


class Jax(Setting):
    def __init__(self, worker, system, job, steps, time):
        self.program = f"JAX {worker.version}"
        often = f"{job['iterations'] * job['uses']} iterations" if job["iterations"] else "to 1e-13"
        self.name = f"r = {job['r']}, {steps} steps, {often}"
        self.system, self.steps = system, steps
        self.ask = lambda k, **more: worker.ask(job, *system.start(k), time / steps, system.parameters, steps, **more)

    def run(self, k):
        answer = self.ask(k, repeat=0, keep=1)
        self.built = answer["compiled"]
        return answer["rows"][0][0]

    def timed(self, repeat):
        return self.ask(0, repeat=repeat)["seconds"]


def jax_settings(worker, system, time, ways, orders, steps):
    jobs = [jax_job(system, r, how, apart, n, uses) for r in orders for how, apart, n, uses in ways]
    return [Jax(worker, system, job, n, time) for job in jobs for n in steps]


class Heyoka(Setting):
    program = "heyoka"

    def __init__(self, system, time, tolerance, **options):
        self.name = ", ".join([f"tol = {tolerance:.0e}", *(key.replace("_", " ") for key in options)])
        self.system, self.time = system, time
        x = hy.make_vars("q1", "q2", "v1", "v2")
        self.starts = [np.array(q + system.velocity(pi)) for q, pi in map(system.start, range(4))]
        equations = list(zip(x, system.rates(hy, hy.time, x)))
        hy.llvm_state.clear_memcache()
        start = clock.perf_counter()
        self.solver = hy.taylor_adaptive(equations, self.starts[0], tol=tolerance, **options)
        self.built = clock.perf_counter() - start

    def prepare(self, k):
        self.solver.time = 0.0
        self.solver.state[:] = self.starts[k]
        return lambda: self.solver.propagate_until(self.time)

    def end(self):
        return self.solver.state[:2].copy()


def heyoka_settings(system, time, tolerances):
    hy.llvm_state.set_diskcache_enabled(False)
    finest = tolerances[-1]
    settings = [Heyoka(system, time, tol) for tol in tolerances]
    settings += [Heyoka(system, time, tol, fast_math=True) for tol in tolerances[::2]]
    return settings + [Heyoka(system, time, finest, high_accuracy=True), Heyoka(system, time, finest, compact_mode=True)]


class Scipy(Setting):
    """DOP853 through scipy.integrate.ode, which is five to eight times as fast as solve_ivp; the rates are plain Python."""

    program = "SciPy DOP853"

    def __init__(self, system, time, tolerance):
        self.name = f"rtol = atol = {tolerance:.0e}"
        self.system, self.time = system, time
        rates = system.rates
        self.solver = ode(lambda t, x: rates(math, t, x.tolist()))
        self.solver.set_integrator("dop853", rtol=tolerance, atol=tolerance, nsteps=10**8)

    def prepare(self, k):
        q, pi = self.system.start(k)
        self.solver.set_initial_value(q + self.system.velocity(pi), 0.0)
        return lambda: self.solver.integrate(self.time)

    def end(self):
        return self.solver.y[:2]


class SolveIvp(Setting):
    """DOP853 as one would write it down, through scipy.integrate.solve_ivp."""

    program = "SciPy solve_ivp"

    def __init__(self, system, time, tolerance):
        self.name = f"rtol = atol = {tolerance:.0e}"
        self.system, self.time, self.tolerance = system, time, tolerance

    def prepare(self, k):
        q, pi = self.system.start(k)
        start, rates, tolerance = q + self.system.velocity(pi), self.system.rates, self.tolerance

        def go():
            self.y = solve_ivp(lambda t, x: rates(math, t, x.tolist()), (0.0, self.time), start, method="DOP853",
                               rtol=tolerance, atol=tolerance).y[:, -1]
        return go

    def end(self):
        return self.y[:2]


class Rebound(Setting):
    """IAS15 with reboundx's radiation_forces, which is C."""

    program = "REBOUND IAS15"

    def __init__(self, time, epsilon):
        self.name, self.time, self.epsilon = f"epsilon = {epsilon:.0e}", time, epsilon

    def prepare(self, k):
        (x, y), (u, v) = DRAGGED.start(k)
        simulation = rebound.Simulation()
        simulation.G = 1.0
        simulation.add(m=MU / (1 - BETA))
        simulation.add(m=0.0, x=x, y=y, vx=u, vy=v)
        simulation.integrator = "ias15"
        simulation.integrator.epsilon = self.epsilon
        extras = reboundx.Extras(simulation)
        force = extras.load_force("radiation_forces")
        extras.add_force(force)
        force.params["c"] = LIGHT
        simulation.particles[0].params["radiation_source"] = 1
        simulation.particles[1].params["beta"] = BETA
        self.simulation, self.extras = simulation, extras
        return lambda: simulation.integrate(self.time)

    def end(self):
        return self.simulation.particles[1].x, self.simulation.particles[1].y
