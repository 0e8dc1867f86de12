#!/usr/bin/env python3
"""Makes examples.csv: of every Lagrangian of the examples, a loss and its derivatives, by differences in 60 digits.

    tests/golden/examples.py [NAME ...] > tests/golden/examples.csv        some minutes; needs sympy and mpmath

Nothing of lag takes part: the texts are read here, differentiated by sympy, and the steps of the method solved as the method
states them, by Newton's method in mpmath. The loss is sqrt(sum (q - seen)^2) + sqrt(sum (pi - seen)^2) over the rows of a motion
whose parameters and start are a few percent off; derivatives are central differences with a step of 1e-18."""
import os
import re
import sys

import mpmath
import sympy

mpmath.mp.dps = 60
mpf = mpmath.mpf
STEPS, R_MOST = 8, 3
RESERVED = "lagrangian coord param start integrate method save show plot data loss constrain gradient fit prior train predict".split()
# What the examples fit, and give no value.
FITTED = {"k1": 1, "k3": 0.8, "k5": 0.1, "c1": 0.15, "c3": 0.05, "f": 0.4, "l": 1, "c": 0.02, "beta": 0.05, "w": 2, "b": 0.1}


def statements(text):
    """Statements of a text: comments gone, lines joined where one goes on."""
    joined, depth = "", 0
    for line in text.split("\n"):
        line = re.sub(r"#.*", "", line).rstrip()
        joined += line
        depth = joined.count("(") - joined.count(")")
        joined += " " if depth > 0 or re.search(r"[-+*/^,=(]$", line) else ";"
    return [s.strip() for s in joined.split(";") if s.strip()]


def expression(text, names):
    """A text of the language as sympy has it, numbers exact."""
    text = re.sub(r"(?<![\w.])(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)", r"Rational('\1')", text).replace("^", "**")
    return sympy.sympify(eval(text, {"__builtins__": {}}, Names({"Rational": sympy.Rational, **names})))


def symbol(name):
    return sympy.Symbol(name, real=True)


class Names(dict):
    """What is not defined is a symbol."""

    def __missing__(self, name):
        return symbol(name)


def functions():
    names = Names({n: getattr(sympy, n) for n in "sqrt exp log sin cos tan sinh cosh tanh pi".split()})
    names["abs"] = sympy.Abs
    names["hypot"] = lambda x, y: sympy.sqrt(x**2 + y**2)
    return names


def read(text):
    """A text: its Lagrangians, definitions, first start and settings, and the order of coordinates, where it is said."""
    found, values, start, settings, order = [], {}, {}, {}, None
    for s in statements(text):
        word = s.split()[0]
        define = re.match(r"^(\w+)\s*=\s*(.*)$", s)
        function = re.match(r"^(\w+)\(([\w, ]+)\)\s*=\s*(.*)$", s)
        if word in RESERVED and word != "lagrangian":
            to = {"start": start, "integrate": settings, "method": settings}.get(word, {})
            for name, value in re.findall(r"(\w+)\s*=\s*([^,]+)", s[len(word):]):
                to.setdefault(name, value)  # the first is that of all
            if word == "coord":
                order = [n.strip() for n in s[5:].split(",")]
        elif define:
            values[define[1]] = ([], define[2])
        elif function:
            values[function[1]] = ([a.strip() for a in function[2].split(",")], function[3])
        else:
            found.append(s.removeprefix("lagrangian"))
    return found, values, start, settings, order


def expand(text, values):
    """A text with what is defined in it put in; parameters, which have constant values, stay."""
    names, parameters = functions(), {}
    for name, (arguments, body) in values.items():
        if arguments:
            names[name] = function_of(arguments, body, values)
            continue
        value = expression(body, names)
        if value.free_symbols:
            names[name] = value
        else:
            parameters[name] = value
            names.pop(name, None)
    return expression(text, names), parameters


def function_of(arguments, body, values):
    def call(*given):
        names = functions()
        for name, (inner, text) in values.items():
            if inner and text != body:
                names[name] = function_of(inner, text, values)
        names.update(zip(arguments, given))
        return expression(body, names)

    return call


class System:
    """A, B and their derivatives in q and v, as functions of q, v, t and the parameters, in mpmath."""

    def __init__(self, lagrangian, order):
        symbols = {s.name for s in lagrangian.free_symbols}
        coordinates = order or []
        text = str(lagrangian)
        for name in re.findall(r"[^\W\d]\w*", text):
            base = re.sub(r"(d?_[pm]|d)$", "", name)
            companions = {base + "d", base + "_m", base + "_p", base + "d_p", base + "d_m"}
            if base != name and base not in coordinates and companions & symbols:
                coordinates.append(base)
        self.coordinates = coordinates
        self.order_by(lagrangian)

    def order_by(self, lagrangian):
        q = [symbol(n) for n in self.coordinates]
        v = [symbol(n + "d") for n in self.coordinates]
        doubled = {n + s: symbol(n + s) for n in self.coordinates for s in ("_p", "_m", "d_p", "d_m")}
        limit = {}
        for n, x, xd in zip(self.coordinates, q, v):
            limit.update({doubled[n + "_p"]: x, doubled[n + "d_p"]: xd, doubled[n + "_m"]: 0, doubled[n + "d_m"]: 0})
        A = [(sympy.diff(lagrangian, x) + sympy.diff(lagrangian, doubled[n + "_m"])).subs(limit) for n, x in zip(self.coordinates, q)]
        B = [(sympy.diff(lagrangian, x) + sympy.diff(lagrangian, doubled[n + "d_m"])).subs(limit) for n, x in zip(self.coordinates, v)]
        own = set(q) | set(v) | set(doubled.values()) | {symbol("t")}
        self.parameters = sorted(s.name for s in lagrangian.free_symbols - own)
        arguments = [q, v, symbol("t"), [symbol(p) for p in self.parameters]]
        slopes = [sympy.diff(f, x) for f in A + B for x in q + v]
        self.values = sympy.lambdify(arguments, A + B, "mpmath", cse=True)
        self.slopes = sympy.lambdify(arguments, slopes, "mpmath", cse=True)


def lobatto(r):
    """Nodes on [0, 1], weights of a step of 1, and D with v = D q / h, as the method has them."""
    P = lambda x: mpmath.legendre(r + 1, x)
    guesses = [-mpmath.cos(mpmath.pi * i / (r + 1)) for i in range(1, r + 1)]
    inner = [mpmath.findroot(lambda x: mpmath.diff(P, x), g) for g in guesses]
    x = [mpf(-1)] + inner + [mpf(1)]
    n = r + 2
    w = [1 / ((r + 1) * (r + 2) * P(s) ** 2) for s in x]
    D = [[mpf(0)] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            if i != j:
                D[i][j] = 2 * P(x[i]) / (P(x[j]) * (x[i] - x[j]))
    D[0][0], D[n - 1][n - 1] = -mpf((r + 1) * (r + 2)) / 2, mpf((r + 1) * (r + 2)) / 2
    return [(1 + s) / 2 for s in x], w, D


def motion(system, r, h, t, c, q, rate, velocity, guess):
    """Rows (q, pi) of STEPS steps; guess[step] are nodes to begin with, where there are, and become those found."""
    d, n = len(q), r + 2
    x, w, D = tables(r)
    pi = list(system.values(q, rate, t, c)[d:]) if velocity else list(rate)
    rows, last = [(list(q), list(pi))], list(rate) if velocity else [mpf(0)] * d
    for step in range(STEPS):
        z = [list(s) for s in guess.get(step, [[a + b * s * h for a, b in zip(q, last)] for s in x])]
        z[0] = list(q)
        for _ in range(60):
            A, B, slopes = [], [], []
            for i in range(n):
                v = [sum(D[i][j] * z[j][k] for j in range(n)) / h for k in range(d)]
                both = system.values(z[i], v, t + (step + x[i]) * h, c)
                A.append(both[:d]), B.append(both[d:])
                slopes.append(system.slopes(z[i], v, t + (step + x[i]) * h, c))
            F = [[h * w[i] * A[i][k] + sum(w[j] * D[j][i] * B[j][k] for j in range(n)) for k in range(d)] for i in range(n)]
            J = mpmath.matrix((n - 1) * d)
            b = mpmath.matrix((n - 1) * d, 1)
            for i in range(n - 1):
                for k in range(d):
                    b[i * d + k] = -(F[i][k] + (pi[k] if i == 0 else 0))
                    for m in range(1, n):
                        for l in range(d):
                            e = mpf(0)
                            if i == m:
                                e += h * w[i] * slopes[i][k * 2 * d + l]
                            e += w[i] * D[i][m] * slopes[i][k * 2 * d + d + l]
                            e += w[m] * D[m][i] * slopes[m][(d + k) * 2 * d + l]
                            e += sum(w[j] * D[j][i] * D[j][m] * slopes[j][(d + k) * 2 * d + d + l] for j in range(n)) / h
                            J[i * d + k, (m - 1) * d + l] = e
            move = mpmath.lu_solve(J, b)
            for m in range(1, n):
                for l in range(d):
                    z[m][l] += move[(m - 1) * d + l]
            if max(abs(e) for e in move) < mpf(10) ** -28:  # the next would be about its square
                break
        else:
            raise SystemExit("no step")
        guess[step] = [list(s) for s in z]
        A, B = [], []
        for i in range(n):
            v = [sum(D[i][j] * z[j][k] for j in range(n)) / h for k in range(d)]
            both = system.values(z[i], v, t + (step + x[i]) * h, c)
            A.append(both[:d]), B.append(both[d:])
        q, last = list(z[n - 1]), v
        pi = [h * w[n - 1] * A[n - 1][k] + sum(w[j] * D[j][n - 1] * B[j][k] for j in range(n)) for k in range(d)]
        rows.append((q, pi))
    return rows


TABLES = {}


def tables(r):
    if r not in TABLES:
        TABLES[r] = lobatto(r)
    return TABLES[r]


def loss(rows, seen):
    return sum(mpmath.sqrt(sum((a - b) ** 2 for x, y in zip(rows, seen) for a, b in zip(x[half], y[half]))) for half in (0, 1))


def off(i, value):
    """A value a few percent away, with few digits."""
    by = (0.03, -0.02, 0.05, -0.04)[i % 4]
    return float("%.4g" % (value * (1 + by) if value else by))


def case(text, values, start, settings, order):
    lagrangian, known = expand(text, values)
    system = System(lagrangian, order)
    number = lambda e: float(expand(e, values)[0].subs({symbol(n): v for n, v in known.items()}).evalf(30))
    d = len(system.coordinates)
    h, r = number(settings.get("dt", "0.1")), min(int(settings.get("r", "8")), R_MOST)
    velocity = not any(n.startswith("pi_") for n in start)
    c = [float(known[p].evalf(30)) if p in known else FITTED[p] for p in system.parameters]
    value = lambda name: float("%.6g" % number(start.get(name, "0")))
    q = [value(n) for n in system.coordinates]
    rate = [value(n + "d") if velocity else value("pi_" + n) for n in system.coordinates]
    t = value("t")
    at = c + q + rate
    names = system.parameters + system.coordinates + [n + "d" if velocity else "pi_" + n for n in system.coordinates]
    m = len(c)
    run = lambda x, guess: motion(system, r, mpf(h), mpf(t), x[:m], x[m:m + d], x[m + d:], velocity, guess)
    seen = [off(i, x) for i, x in enumerate(at)]
    observed = run([mpf(x) for x in seen], {})
    base = {}
    whole = loss(run([mpf(x) for x in at], base), observed)
    print("# Lagrangian: " + str(lagrangian).replace("Abs(", "abs("))
    print("# parameters: " + ", ".join(system.parameters))
    print("# coordinates: " + ", ".join(system.coordinates))
    print("# r = %d, dt = %.17g, t = %.17g, velocity = %d, steps = %d" % (r, h, t, velocity, STEPS))
    print("loss,0,0," + mpmath.nstr(whole, 20))
    e = mpf(10) ** -18
    for i, name in enumerate(names):
        ends = []
        for sign in (1, -1):
            x = [mpf(y) for y in at]
            x[i] += sign * e
            ends.append(loss(run(x, dict(base)), observed))
        print("%s,%.17g,%.17g,%s" % (name, seen[i], at[i], mpmath.nstr((ends[0] - ends[1]) / (2 * e), 20)))
    sys.stdout.flush()


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
    names = sys.argv[1:] or sorted(n[:-4] for n in os.listdir(folder) if n.endswith(".lag"))
    print("# Losses of the examples' motions and their derivatives by differences in 60 digits: made by examples.py, which says how.")
    print("# As gradients.csv.")
    for name in names:
        print("# example: " + name)
        found, *rest = read(open(os.path.join(folder, name + ".lag"), encoding="utf-8").read())
        for text in found:
            case(text, *rest)


main()
