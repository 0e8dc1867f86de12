"""What is integrated: the text that lag reads, the equations as others want them, starts, and where the ends should be."""
import csv
import math
import os
from dataclasses import dataclass
from typing import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = os.path.join(HERE, "reference.csv")
G, GM, BETA, LIGHT = 9.81, 39.478758435, 0.01153812, 63241.3
MU, DRAG = (1 - BETA) * GM, BETA * GM / LIGHT
START_SPREAD = 1e-3  # start k has its momenta times 1 + k * START_SPREAD


@dataclass
class System:
    name: str
    title: str
    example: str  # the file in examples/
    q: list
    pi: list
    parameters: list  # of jax_step.py's Lagrangian
    velocity: Callable  # of the momenta at the start
    rates: Callable = None  # x' of x = (q, v): rates(functions, t, x), for numbers and for heyoka's expressions

    def text(self):
        with open(os.path.join(HERE, "..", "..", "examples", self.example), "rb") as file:
            return file.read()

    def start(self, k):
        return self.q, [p * (1 + k * START_SPREAD) for p in self.pi]

    def ends(self, time):
        """The coordinates at that time, a row a start, from reference.csv."""
        with open(REFERENCE, newline="") as file:
            rows = [row for row in csv.reader(file) if row[0] == self.name and float(row[1]) == time]
        return [[float(x) for x in row[3:]] for row in sorted(rows, key=lambda row: int(row[2]))]


def drag_rates(functions, t, state):
    """x'' = -mu x/r^3 - drag/r^2 (x' + (x'.x) x/r^2), in the form that suits heyoka best of those tried."""
    x, y, u, v = state
    r2 = x * x + y * y
    inverse = 1 / r2
    along = -DRAG * inverse
    central = along * ((x * u + y * v) * inverse) - MU * r2**-1.5
    return [u, v, central * x + along * u, central * y + along * v]


def pendulum_rates(functions, t, state):
    """The two rods' equations, solved for the accelerations by hand."""
    a, b, u, v = state
    sin, cos = functions.sin, functions.cos
    s, c = sin(a - b) / 2, cos(a - b)
    f, g = -s * (v * v) - 1.5 * (G * sin(a)) - 2 * t * u, s * (u * u) - G / 2 * sin(b)
    inverse = 6 / (16 - 9 * (c * c))
    return [u, v, (2 * f - 3 * c * g) * inverse, (8 * g - 3 * c * f) * inverse]


def pendulum_velocity(pi):
    return [(12 * pi[0] - 18 * pi[1]) / 7, (48 * pi[1] - 18 * pi[0]) / 7]


OSCILLATOR = System("dho", "damped oscillator", "damped_oscillator.lag", [1.0], [0.0], [1.0, 1.0, 0.01], list)
DRAGGED = System("prd", "Poynting-Robertson drag", "poynting_robertson.lag", [0.8, 0.0], [0.0, 7.650808563419224],
                 [MU, DRAG], list, drag_rates)
PENDULUM = System("pendulum", "double pendulum", "double_pendulum.lag", [0.0, 0.0], [4.0, 1.0], [G], pendulum_velocity,
                  pendulum_rates)
