"""The Galerkin-Gauss-Lobatto step of lag's, written in JAX for speed; jax_worker.py runs it.

The Lagrangian is a function; A, B and their exact pointwise derivatives come of it by jax.grad and jax.jvp. No one way of
writing the step is the fastest in every version of JAX, so there are several: Newton, Sweeps for a mass of 1, and Affine for
linear equations, with arrays over the nodes (Together) or every number apart (Apart), which XLA fuses if they are few.
"""
from functools import partial

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np

from lobatto import lobatto

jax.config.update("jax_enable_x64", True)

# ---- Point by point: q, v and the doubled variables are tuples of one array a coordinate ----


def force_momentum(lagrangian, c, t, q, v):
    """[A, B] where t, q and v are, point by point."""
    zero = tuple(jnp.zeros_like(x) for x in q)
    total = lambda q1, v1, qm, vm: jnp.sum(lagrangian(q1, v1, q, v, qm, vm, t, c))
    g = jax.grad(total, (0, 1, 2, 3))(q, v, zero, zero)
    return [tuple(map(jnp.add, g[0], g[2])), tuple(map(jnp.add, g[1], g[3]))]


def derivatives(lagrangian, c, t, q, v):
    """[A, B], then the two's derivatives in each coordinate, then in each velocity."""
    point, one = partial(force_momentum, lagrangian, c, t), jnp.ones_like(q[0])
    along = [tuple(one * (k == l) for k in range(len(q))) for l in range(-1, len(q))]
    none, unit = along[0], along[1:]
    in_q = [jax.jvp(point, (q, v), (u, none))[1] for u in unit]
    in_v = [jax.jvp(point, (q, v), (none, u))[1] for u in unit]
    return sum(in_q + in_v, point(q, v))


# ---- Two ways to hold the nodes' numbers: arrays [nodes, coordinates] of either kind ----


class Together:
    """jax's arrays."""

    xp = jnp
    pack = unpack = staticmethod(lambda x, shape=None: x)

    @staticmethod
    def each(point, t, q, v):
        columns = lambda x: tuple(x[:, k] for k in range(x.shape[1]))
        return [jnp.stack(field, 1) for field in point(t, columns(q), columns(v))]

    @staticmethod
    def factored(a):
        factors = jax.scipy.linalg.lu_factor(a)
        return lambda b: jax.scipy.linalg.lu_solve(factors, b)

    @staticmethod
    def product(matrix, x):
        """Column by column, which XLA fuses with what is around it, as it does no dot."""
        return sum(jnp.asarray(matrix[:, j : j + 1]) * x[j] for j in range(len(x)))


class Apart:
    """numpy's arrays, whose elements are single numbers of jax's."""

    xp = np

    @staticmethod
    def pack(x):
        return list(x.flat)

    @staticmethod
    def unpack(numbers, shape):
        array = np.empty(shape, object)
        for i, x in enumerate(numbers):
            array.flat[i] = x
        return array

    @classmethod
    def each(cls, point, t, q, v):
        at = [point(t[i], tuple(q[i]), tuple(v[i])) for i in range(len(t))]
        return [cls.unpack([x for row in field for x in row], q.shape) for field in zip(*at)]

    @classmethod
    def product(cls, matrix, x):
        none = np.zeros(x.shape[1:], object)
        return np.array([sum((m * y for m, y in zip(row, x) if m != 0), none) for row in matrix])

    @staticmethod
    def factored(a):
        """Elimination without pivoting, unrolled."""
        a, n = a.copy(), len(a)
        for k in range(n):
            a[k, k] = 1 / a[k, k]
            for i in range(k + 1, n):
                a[i, k : k + 1] *= a[k, k : k + 1]
                a[i, k + 1 :] = a[i, k + 1 :] - a[i, k : k + 1] * a[k, k + 1 :]

        def solve(b):
            b = list(b)
            for i in range(n):
                for k in range(i):
                    b[i] = b[i] - a[i, k] * b[k]
            for i in reversed(range(n)):
                for k in range(i + 1, n):
                    b[i] = b[i] - a[i, k] * b[k]
                b[i] = b[i] * a[i, i]
            return Apart.unpack(b, (n,))

        return solve


# ---- The step. A state is q, pi and a memory, which the next guess is made of ----


def polynomials(nodes, x):
    """Lagrange's, at x."""
    others = [np.delete(nodes, j) for j in range(len(nodes))]
    return np.array([np.prod((x - other) / (y - other)) for y, other in zip(nodes, others)])


class Step:
    """What is improved is an array [nodes, coordinates], of places or of forces; it is the memory too."""

    def __init__(self, lagrangian, dof, r, way):
        self.lagrangian, self.r, self.way, self.shape = lagrangian, r, way, (r + 2, dof)
        self.nodes, self.b, self.D = lobatto(r)
        self.G = (self.b[:, None] * self.D).T
        self.ahead = np.array([polynomials(self.nodes, x + 1) for x in self.nodes])  # of the next step's nodes

    def each(self, function, t, h, c, q, v):
        return self.way.each(partial(function, self.lagrangian, c), t + self.nodes * h, q, v)

    def velocity(self, places, h):
        return self.way.product(self.D, places) / h

    def line(self, q, v, h):
        """The nodes of the step before the first, as far as they are known."""
        return q + h * (self.nodes - 1)[:, None] * v


class Newton(Step):
    """Improves places by Newton's method with the exact Jacobian."""

    uses = 1  # of each Jacobian

    def first(self, q, v, t, h, c):
        return self.line(q, v, h)

    def guess(self, q, memory):
        return self.way.xp.concatenate([q[None], self.way.product(self.ahead[1:], memory)])

    def residual(self, h, A, B, pi):
        F = h * self.b[:, None] * A + self.way.product(self.G, B)
        return self.way.xp.concatenate([F[:1] + pi, F[1:]])

    def jacobian(self, h, in_q, in_v):
        xp, n, b, D, G = self.way.xp, len(self.b), self.b, self.D, self.G
        inner = (G[:, None, :] * D.T[None, :, :]).reshape(n * n, n)  # b_j D_ji D_jm, what B's derivative in v at j counts

        def block(A_q, B_q, A_v, B_v):
            own = np.eye(n) * (h * b * A_q)[:, None] + (b[:, None] * D) * A_v[:, None] + G * B_q[None, :]
            return (own + self.way.product(inner, B_v[:, None]).reshape(n, n) / h)[:-1, 1:]

        dof = range(len(in_q) // 2)
        fields = lambda k, l: [f[:, k] for f in (*in_q[2 * l : 2 * l + 2], *in_v[2 * l : 2 * l + 2])]
        blocks = xp.stack([xp.stack([block(*fields(k, l)) for l in dof]) for k in dof])
        return blocks.transpose(2, 0, 3, 1).reshape((n - 1) * len(dof), -1)

    def improve(self, places, q, pi, t, h, c):
        A, B, *rest = self.each(derivatives, t, h, c, places, self.velocity(places, h))
        half = len(rest) // 2
        solve = self.way.factored(self.jacobian(h, rest[:half], rest[half:]))
        for use in range(self.uses):
            if use:
                A, B = self.each(force_momentum, t, h, c, places, self.velocity(places, h))
            change = solve(self.residual(h, A, B, pi)[:-1].reshape(-1)).reshape(places[1:].shape)
            places = self.way.xp.concatenate([places[:1], places[1:] - change])
        return places

    def end(self, places, q, pi, t, h, c):
        A, B = self.each(force_momentum, t, h, c, places, self.velocity(places, h))
        return places[-1], self.residual(h, A, B, pi)[-1], places


class Sweeps(Step):
    """Improves forces by fixed-point iteration: with a mass of 1 (no other here is constant) they give the places by a matrix."""

    def __init__(self, lagrangian, dof, r, way):
        super().__init__(lagrangian, dof, r, way)
        x, b, _ = lobatto(r, np.longdouble)
        a = np.array([c * (b @ [polynomials(x, c * y) for y in x]) for c in x])  # Lobatto IIIA's; IIIB's last column is 0
        speed = (b * (1 - a.T / b[:, None]))[:, :-1]
        self.speed, self.place = speed.astype(float), (a @ speed).astype(float)

    def first(self, q, v, t, h, c):
        return self.each(force_momentum, t, h, c, self.line(q, v, h), self.line(v, 0 * v, h))[0]

    def guess(self, q, memory):
        return self.way.product(self.ahead, memory)

    def improve(self, forces, q, pi, t, h, c):
        places = q + h * (self.nodes[:, None] * pi + h * self.way.product(self.place, forces[:-1]))
        speeds = pi + h * self.way.product(self.speed, forces[:-1])
        return self.each(force_momentum, t, h, c, places, speeds)[0]

    def end(self, forces, q, pi, t, h, c):
        place = q + h * (pi + h * self.way.product(self.place[-1:], forces[:-1])[0])
        return place, pi + h * self.way.product(self.b[None, :], forces)[0], forces


class Affine(Step):
    """Where the equations are linear: memory is the step's map of [q, pi, 1], found once. Apart alone."""

    def __init__(self, lagrangian, dof, r, way):
        super().__init__(lagrangian, dof, r, way)
        self.shape = (2 * dof, 2 * dof + 1)

    def first(self, q, v, t, h, c):
        dof, h = len(q), jnp.stack([*h])
        newton = Newton(self.lagrangian, dof, self.r, Together)

        def step(state):
            at = state[:dof], state[dof:], 0.0, h, c
            places = newton.line(at[0], 0 * at[0], h)
            for _ in range(3):  # the first gets there; the others mend its rounding
                places = newton.improve(places, *at)
            return jnp.concatenate(newton.end(places, *at)[:2])

        origin = jnp.zeros(2 * dof)
        matrix = jnp.concatenate([jax.jacfwd(step)(origin), step(origin)[:, None]], 1)
        return self.way.unpack(list(matrix.reshape(-1)), self.shape)

    def guess(self, q, memory):
        return memory

    def improve(self, matrix, *at):
        return matrix

    def end(self, matrix, q, pi, t, h, c):
        state = (matrix * self.way.unpack([*q, *pi, 1.0], matrix.shape[1:])).sum(1)
        return state[: len(q)], state[len(q) :], matrix
