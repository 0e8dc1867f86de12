"""Gauss-Lobatto nodes."""
import numpy as np


def lobatto(r, real=float):
    """Nodes, weights and derivative matrix on the unit interval, r nodes inside; reckoned with long doubles."""
    p = np.polynomial.legendre.Legendre.basis(r + 1)
    x = np.concatenate(([-1.0], np.sort(p.deriv().roots().real), [1.0])).astype(np.longdouble)
    for _ in range(4):
        x[1:-1] -= p.deriv()(x[1:-1]) / p.deriv(2)(x[1:-1])
    at = p(x)
    with np.errstate(divide="ignore"):
        d = at[:, None] / (at[None, :] * (x[:, None] - x[None, :]))
    np.fill_diagonal(d, 0)
    d[0, 0], d[-1, -1] = -(r + 1) * (r + 2) / 4, (r + 1) * (r + 2) / 4
    return ((x + 1) / 2).astype(real), (1 / ((r + 1) * (r + 2) * at**2)).astype(real), (2 * d).astype(real)
