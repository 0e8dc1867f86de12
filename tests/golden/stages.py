#!/usr/bin/env python3
"""Makes lobatto_stage_r*.csv: the matrices of the pair Lobatto IIIA-IIIB, and what forces are carried on by, in 150 digits.

    tests/golden/stages.py tests/golden        needs mpmath

a comes from integrals of Lagrange's polynomials, a^ from the condition that makes the pair symplectic, and the polynomial that
carries forces on from the normal equations of least squares by the rule's weights: no Legendre series takes part."""
import sys

import mpmath

mpmath.mp.dps = 150
mpf = mpmath.mpf
LEAST, MOST = (10, 12), 16  # degrees of what carries forces on: plainly, and for states in two doubles
FILES = {0: 1, 1: 1, 2: 1, 4: 1, 8: 1, 16: 1, 40: 6}  # r, and every how many rows are printed


def nodes_weights(N):
    """On the unit interval."""
    x = [mpmath.cos(mpmath.pi * (N - i) / N) for i in range(N + 1)]
    for i in range(1, N):  # a root of P_N', by Newton's method: (1 - x^2) P_N'' = 2 x P_N' - N (N + 1) P_N
        for _ in range(12):
            P, slope = legendre(N, x[i])
            x[i] -= slope * (1 - x[i] ** 2) / (2 * x[i] * slope - N * (N + 1) * P)
    x[0], x[N] = mpf(-1), mpf(1)
    return [(y + 1) / 2 for y in x], [1 / (N * (N + 1) * legendre(N, y)[0] ** 2) for y in x]


def legendre(N, x):
    """P_N, and, within the interval, its derivative."""
    before, P = mpf(0), mpf(1)
    for k in range(N):
        before, P = P, ((2 * k + 1) * x * P - k * before) / (k + 1)
    return P, N * (before - x * P) / (1 - x * x) if abs(x) < 1 else None


def powers(x, degree):
    """1, (2 x - 1), its square, ..."""
    return [(2 * x - 1) ** m for m in range(degree + 1)]


def carry(c, b, degree):
    """e_kj: impulses at nodes k of the next step from those at nodes j of this one."""
    s = len(c)
    at = mpmath.matrix([powers(x, degree) for x in c])
    normal = mpmath.matrix(degree + 1)
    for m in range(degree + 1):
        for n in range(degree + 1):
            normal[m, n] = mpmath.fsum(b[j] * at[j, m] * at[j, n] for j in range(s))
    ahead = mpmath.matrix([powers(x + 1, degree) for x in c]) * (normal ** -1) * at.T
    return mpmath.matrix([[b[k] * ahead[k, j] for j in range(s)] for k in range(s)])


def integrals(c):
    """a_ij: of Lagrange's polynomial j from 0 to c_i."""
    s = len(c)
    vandermonde = mpmath.matrix([[x ** m for m in range(s)] for x in c])
    moments = mpmath.matrix([[x ** (m + 1) / (m + 1) for m in range(s)] for x in c])
    return moments * vandermonde ** -1


def write(folder, r, every):
    c, b = nodes_weights(r + 1)
    s = r + 2
    a = integrals(c)
    hat = mpmath.matrix([[b[j] * (1 - a[j, i] / b[i]) for j in range(s)] for i in range(s)])
    reach = a * hat
    H = mpmath.matrix([[reach[i, j] / b[j] for j in range(s)] for i in range(s)])
    J = mpmath.matrix([[hat[i, j] / b[j] for j in range(s)] for i in range(s)])
    table = [H, J]
    for least in LEAST:
        e = carry(c, b, min(r + 1, max(least, min(MOST, (r + 1) // 2))))
        table += [H * e, J * e]
    with open("%s/lobatto_stage_r%d.csv" % (folder, r), "w") as out:
        out.write("# made by stages.py: on the unit interval, as src/mech/lobatto.h defines them\n")
        out.write("i,j,H,J,HE,JE,HE_two,JE_two\n")
        for i in range(0, s, every):
            for j in range(s):
                numbers = [mpmath.nstr(x[i, j], 25) if abs(x[i, j]) > mpf(10) ** -60 else "0.0" for x in table]
                out.write("%d,%d,%s\n" % (i, j, ",".join(numbers)))


for nodes, step in FILES.items():
    write(sys.argv[1], nodes, step)
