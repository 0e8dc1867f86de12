"""Runs jax_step.py's steps for step_table.py and work_precision.py, in a process of its own for each version of JAX.

A line on standard input is a request, in JSON, a line on standard output the answer. What is compiled is kept: dt, the
coefficients, the start, and where no rows are wanted the number of steps, are arguments of it.
"""
import functools
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jax_step import Affine, Apart, Newton, Sweeps, Together, force_momentum

TOLERANCE, ITERATIONS_MOST, FIRST_ITERATIONS, UNROLL = 1e-13, 30, 12, 8


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def damped_oscillator(q, v, qp, vp, qm, vm, t, c):
    return c[0] * v[0] ** 2 / 2 - c[1] * q[0] ** 2 / 2 - c[2] * vp[0] * qm[0]


def poynting_robertson(q, v, qp, vp, qm, vm, t, c):
    r2 = dot(qp, qp)
    return dot(v, v) / 2 + c[0] / jnp.sqrt(dot(q, q)) - c[1] / r2 * (dot(vp, qm) + dot(vp, qp) * dot(qp, qm) / r2)


def double_pendulum(q, v, qp, vp, qm, vm, t, c):
    kinetic = 2 / 3 * v[0] ** 2 + v[1] ** 2 / 6 + jnp.cos(q[0] - q[1]) * v[0] * v[1] / 2
    return kinetic + c[0] * (1.5 * jnp.cos(q[0]) + 0.5 * jnp.cos(q[1])) - 2 * t * vp[0] * qm[0]


LAGRANGIANS = {"dho": (damped_oscillator, 1), "prd": (poynting_robertson, 2), "pendulum": (double_pendulum, 2)}


class Trajectory:
    """A step, and how often its guess is improved; 0: until it changes by no more than TOLERANCE."""

    def __init__(self, step, iterations):
        self.step, self.way, self.iterations = step, step.way, iterations

    def hold(self, numbers):
        return self.way.unpack(numbers, (len(numbers),)) if self.way is Apart else jnp.stack(numbers)

    def pack(self, state):
        return [self.way.pack(x) for x in state]

    def unpack(self, state):
        dof = len(state[0])
        return [self.way.unpack(x, shape) for x, shape in zip(state, ((dof,), (dof,), self.step.shape))]

    def until(self, work, *at):
        def go_on(s):
            return (s[0] < ITERATIONS_MOST) & (s[1] > TOLERANCE)

        def once(s):
            better = self.step.improve(s[2], *at)
            return s[0] + 1, jnp.abs(better - s[2]).max() / jnp.abs(better).max(), better

        return lax.while_loop(go_on, once, (0, jnp.inf, work))[2]

    def begin(self, q, pi, h, c):
        """The state after the first step, for which there is no memory of another."""
        momentum = lambda v: jnp.stack(force_momentum(self.step.lagrangian, c, 0.0, q, v)[1])
        mass = jnp.stack(jax.jacfwd(momentum)((0.0,) * len(q)), 1)
        v = self.hold([*jnp.linalg.solve(mass, jnp.stack(pi))])
        q, pi, h = self.hold(q), self.hold(pi), self.hold([h])
        at = q, pi, 0 * h, h, c
        improve = lambda _, work: self.way.pack(self.step.improve(self.way.unpack(work, self.step.shape), *at))
        work = self.way.pack(self.step.guess(q, self.step.first(q, v, 0 * h, h, c)))
        work = lax.fori_loop(0, FIRST_ITERATIONS, improve, work)
        return self.pack(self.step.end(self.way.unpack(work, self.step.shape), *at))

    def go_on(self, state, t, h, c):
        q, pi, memory = self.unpack(state)
        at = q, pi, self.hold([t]), self.hold([h]), c
        work = self.step.guess(q, memory)
        for _ in range(self.iterations):
            work = self.step.improve(work, *at)
        if self.iterations == 0:
            work = self.until(work, *at)
        return self.pack(self.step.end(work, *at))

    def rows(self, count, q, pi, h, c):
        """q and pi after the first step, and after each of the others."""

        def body(state, n):
            state = self.go_on(state, n * h, h, c)
            return state, state[:2]

        first = self.begin(q, pi, h, c)
        unroll = UNROLL if isinstance(self.step, Affine) else 1
        return first[:2], lax.scan(body, first, jnp.arange(1, count), unroll=unroll)[1]

    def end(self, q, pi, h, c, count):
        body = lambda n, state: self.go_on(state, n * h, h, c)
        return lax.fori_loop(1, count, body, self.begin(q, pi, h, c))[:2]


@functools.lru_cache(None)
def compiled(system, r, how, apart, iterations, uses, rows):
    """The machine code for so many rows, or with rows 0 for the end alone; and the seconds that it took."""
    lagrangian, dof = LAGRANGIANS[system]
    step = {"newton": Newton, "sweeps": Sweeps, "affine": Affine}[how](lagrangian, dof, r, Apart if apart else Together)
    step.uses = uses
    trajectory, real = Trajectory(step, iterations), jax.ShapeDtypeStruct((), np.float64)
    parameters = {"dho": 3, "prd": 2, "pendulum": 1}[system]
    types = [(real,) * dof, (real,) * dof, real, (real,) * parameters]
    function = functools.partial(trajectory.rows, rows) if rows else trajectory.end
    types += [] if rows else [jax.ShapeDtypeStruct((), np.int64)]
    start = time.perf_counter()
    code = jax.jit(function).lower(*types).compile()
    return code, time.perf_counter() - start


def columns(x):
    """[rows, coordinates] of what rows or end returns of q or of pi."""
    return np.stack([np.asarray(a) for a in x], -1) if isinstance(x, (list, tuple)) else np.asarray(x)


def answer(job, q, pi, h, c, count, repeat, keep):
    """Runs `repeat` times; CPU seconds a run, seconds to compile, and [q, pi] of the first `keep` rows, or of the end."""
    code, seconds = compiled(**job)
    real = lambda x: tuple(map(np.float64, x))
    arguments = [real(q), real(pi), np.float64(h), real(c)] + ([] if job["rows"] else [np.int64(count)])
    arguments = jax.device_put(arguments)
    out = jax.block_until_ready(code(*arguments)) if keep else None
    start = time.process_time()
    for _ in range(repeat):
        jax.block_until_ready(code(*arguments))
    result = {"seconds": (time.process_time() - start) / max(repeat, 1), "compiled": seconds}
    if keep and job["rows"]:
        first, rest = out
        result["rows"] = [[*columns(first[i])[None].tolist(), *columns(rest[i])[: keep - 1].tolist()] for i in (0, 1)]
    elif keep:
        result["rows"] = [[columns(x).tolist()] for x in out]
    return result


def main():
    print(json.dumps({"version": jax.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)


main()
