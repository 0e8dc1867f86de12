"""What others take to compile what lag compiles: compile.py CASE, run by benchmarks/compile.

The cases that end in -start are timed from outside, as processes, up to the end of the first step, and print the state there:
x y pi_x pi_y of Poynting-Robertson drag at t = 0.01. The others time their building themselves and print its seconds.
"""
import math
import os
import sys
import time

GM, BETA, C = 39.478758435, 0.01153812, 63241.3
MU, DRAG = (1 - BETA) * GM, BETA * GM / C
START = [0.8, 0.0, 0.0, 7.650808563419224]
H = 0.01


def heyoka_drag(hy):
    """x'' = -mu x/r^3 - drag/r^2 (x' + (x'.x) x/r^2), as first-order equations."""
    x, y, u, v = hy.make_vars("x", "y", "u", "v")
    r2 = x**2 + y**2
    w = (x * u + y * v) / r2
    f, g = -MU * r2**-1.5 - DRAG / r2 * w, -DRAG / r2
    return [(x, u), (y, v), (u, f * x + g * u), (v, f * y + g * v)]


def heyoka(cached):
    import heyoka as hy

    hy.llvm_state.set_diskcache_enabled(cached)
    if cached:
        hy.llvm_state.set_diskcache_path(os.environ["LAG_PEERS_CACHE"])
    return hy


def heyoka_start(cached):
    hy = heyoka(cached)
    solver = hy.taylor_adaptive(heyoka_drag(hy), START)
    solver.propagate_until(H)
    print(*map(repr, map(float, solver.state)))


def jax_start():
    """The same discrete step as lag's: residual from jax.grad, Jacobian from jax.jacfwd, Newton, all under jax.jit."""
    import jax
    import jax.numpy as jnp

    from lobatto import lobatto

    jax.config.update("jax_enable_x64", True)
    _, b, d = lobatto(4)

    def lagrangian(q, v, qp, vp, qm, vm):
        r2 = qp @ qp
        return v @ v / 2 + MU / jnp.sqrt(q @ q) - DRAG / r2 * (vp @ qm + (vp @ qp) * (qp @ qm) / r2)

    zero = jnp.zeros(2)

    def force(q, v):
        g = jax.grad(lambda a, m: lagrangian(a, v, q, v, m, zero), (0, 1))(q, zero)
        return g[0] + g[1]

    def momentum(q, v):
        g = jax.grad(lambda a, m: lagrangian(q, a, q, v, zero, m), (0, 1))(v, zero)
        return g[0] + g[1]

    def residual(z, q, pi, h):
        full = jnp.concatenate([jnp.zeros((1, 2)), z.reshape(-1, 2)])
        at, v = q + full, d @ full / h
        f = h * b[:, None] * jax.vmap(force)(at, v) + (b[:, None] * d).T @ jax.vmap(momentum)(at, v)
        return jnp.concatenate([f[1:-1].ravel(), f[0] + pi]), f[-1]

    @jax.jit
    def step(q, pi, h):
        z = jnp.zeros(10)
        for _ in range(6):
            f, _ = residual(z, q, pi, h)
            z = z - jnp.linalg.solve(jax.jacfwd(lambda z: residual(z, q, pi, h)[0])(z), f)
        return q + z[-2:], residual(z, q, pi, h)[1]

    q, pi = step(jnp.array(START[:2]), jnp.array(START[2:]), H)
    print(*map(repr, map(float, [*q, *pi])))


def heyoka_pendulum(compact):
    """heyoka's lagrangian() on examples/double_pendulum.lag, and its integrator."""
    hy = heyoka(False)
    start = time.perf_counter()
    a, b, u, v = hy.make_vars("a", "b", "u", "v")
    x1, y1 = 0.5 * hy.cos(a) * u, 0.5 * hy.sin(a) * u
    x2, y2 = hy.cos(a) * u + 0.5 * hy.cos(b) * v, hy.sin(a) * u + 0.5 * hy.sin(b) * v
    kinetic = (x1**2 + y1**2 + x2**2 + y2**2) / 2 + (u**2 + v**2) / 24
    potential = -9.81 * (1.5 * hy.cos(a) + 0.5 * hy.cos(b))
    equations = hy.lagrangian(kinetic - potential, [a, b], [u, v], hy.time * u**2)
    hy.taylor_adaptive(equations, [0.0, 0.0, 4.0, 1.0], compact_mode=compact)
    print(time.perf_counter() - start)


def heyoka_chain(compact, masses=100):
    """The equations of a Fermi-Pasta-Ulam-Tsingou chain (alpha = 1/4), written out, and its integrator."""
    hy = heyoka(False)
    start = time.perf_counter()
    q = hy.make_vars(*[f"q{i}" for i in range(masses)])
    v = hy.make_vars(*[f"v{i}" for i in range(masses)])
    at = [0.0, *q, 0.0]
    d = [at[i + 1] - at[i] for i in range(masses + 1)]
    equations = list(zip(q, v))
    equations += [(v[i], d[i + 1] - d[i] + 0.25 * (d[i + 1] ** 2 - d[i] ** 2)) for i in range(masses)]
    state = [math.sin(math.pi * (i + 1) / (masses + 1)) for i in range(masses)] + [0.0] * masses
    hy.taylor_adaptive(equations, state, compact_mode=compact)
    print(time.perf_counter() - start)


def symengine_step(share):
    """Residual and Jacobian of Poynting-Robertson drag at r = 4 by SymEngine and its LLVM, common subexpressions shared or
    not: seconds to build and, from Python, to call."""
    import numpy as np
    import symengine as se

    from lobatto import lobatto

    start = time.perf_counter()
    _, b, d = lobatto(4)
    q, pi, h = se.symbols("x y"), se.symbols("px py"), se.Symbol("h")
    z = [se.symbols(f"zx{i} zy{i}") for i in range(1, 6)]
    full = [(0, 0), *z]
    x, v, xp, vp, xm, vm = (se.symbols(f"{n}0 {n}1") for n in ("q", "v", "qp", "vp", "qm", "vm"))
    dot = lambda a, b: a[0] * b[0] + a[1] * b[1]
    coupling = -DRAG / dot(xp, xp) * (dot(vp, xm) + dot(vp, xp) * dot(xp, xm) / dot(xp, xp))
    conservative = dot(v, v) / 2 + MU / se.sqrt(dot(x, x))
    limit = {s: t for a, c in ((xp, x), (vp, v)) for s, t in zip(a, c)} | {s: 0 for s in (*xm, *vm)}
    force = [se.diff(conservative, x[k]) + se.diff(coupling, xm[k]).subs(limit) for k in range(2)]
    momentum = [se.diff(conservative, v[k]) + se.diff(coupling, vm[k]).subs(limit) for k in range(2)]
    A, B = [], []
    for i in range(6):
        point = {x[k]: q[k] + full[i][k] for k in range(2)}
        point |= {v[k]: sum(d[i][j] * full[j][k] for j in range(6)) / h for k in range(2)}
        A.append([f.subs(point) for f in force])
        B.append([m.subs(point) for m in momentum])
    F = [[h * b[i] * A[i][k] + sum(b[j] * d[j][i] * B[j][k] for j in range(6)) for k in range(2)] for i in range(6)]
    rows = [*F[1], *F[2], *F[3], *F[4], F[0][0] + pi[0], F[0][1] + pi[1]]
    unknowns = [s for node in z for s in node]
    jacobian = [se.diff(f, s) for f in rows for s in unknowns]
    backend = "llvm" if se.have_llvm else "lambda"
    f = se.Lambdify([*unknowns, *q, *pi, h], [*rows, *jacobian], backend="llvm", cse=share)
    built = time.perf_counter() - start
    c = lobatto(4)[0]
    args = np.array([s for i in range(1, 6) for s in (0.0, c[i] * H * START[3])] + START + [H])
    start = time.perf_counter()
    for _ in range(10000):
        f(args)
    print(built, (time.perf_counter() - start) / 10000)


CASES = {
    "heyoka-start": lambda: heyoka_start(False),
    "heyoka-cached-start": lambda: heyoka_start(True),
    "jax-start": jax_start,
    "heyoka-pendulum": lambda: heyoka_pendulum(False),
    "heyoka-pendulum-compact": lambda: heyoka_pendulum(True),
    "heyoka-chain": lambda: heyoka_chain(False),
    "heyoka-chain-compact": lambda: heyoka_chain(True),
    "symengine-step": lambda: symengine_step(False),
    "symengine-step-cse": lambda: symengine_step(True),
}
CASES[sys.argv[1]]()
