"""lag in this process, by ctypes as examples/embed.py has it: rows into NumPy's arrays, or the end alone."""
import ctypes as C
import os
import sys
import time

import numpy as np

from systems import HERE

sys.path.insert(0, os.path.join(HERE, "..", "..", "examples"))
from embed import LAG_ABI, METHOD_GGL, Rows, array, check, load

BACKEND_LLVM, METHOD_NEWTON = 4, 3


class Ask(C.Structure):
    _fields_ = [("method", C.c_int), ("c", C.c_void_p), ("t", C.c_double), ("q", C.c_void_p), ("pi", C.c_void_p),
                ("v", C.c_void_p), ("tol", C.c_double), ("until", C.c_double), ("steps", C.c_uint64), ("r", C.c_int32),
                ("dt", C.c_double), ("stop", C.c_void_p), ("user", C.c_void_p)]


class Choice(C.Structure):
    _fields_ = [("method", C.c_int), ("r", C.c_uint32), ("dt", C.c_double), ("steps", C.c_uint64), ("error", C.c_double),
                ("round_off", C.c_double), ("slack", C.c_double), ("iterations", C.c_double), ("seconds", C.c_double),
                ("limit", C.c_int)]


class Library:
    def __init__(self, build):
        os.environ["LAG_BACKENDS"] = build
        os.environ["LAG_CACHE"] = "off"
        self.lag = load(os.path.join(build, "liblag.so"))
        self.lag.lag_version.restype = C.c_char_p
        self.lag.lag_model_parameter_count.restype = C.c_uint32
        self.version = self.lag.lag_version().decode()

    def check(self, session, status):
        check(self.lag, session, status)


class Model:
    """A system compiled from examples/, with the parameters that stand there. What is made lives as long as the process."""

    def __init__(self, library, system):
        self.library, self.lag, self.system = library, library.lag, system
        self.session, program = C.c_void_p(), C.c_void_p()
        start, text = time.perf_counter(), system.text()
        self.check(self.lag.lag_session_new(LAG_ABI, C.byref(self.session)))
        self.check(self.lag.lag_read(self.session, system.example.encode(), text, C.c_size_t(len(text)), C.byref(program)))
        self.model = C.c_void_p(self.lag.lag_program_model(program))
        self.parameters = np.empty(self.lag.lag_model_parameter_count(self.model))
        self.check(self.lag.lag_session_parameters(self.session, self.model, array(self.parameters)))
        self.seconds = time.perf_counter() - start  # of reading and differentiating

    def check(self, status):
        self.library.check(self.session, status)

    def integrator(self, r, method=METHOD_GGL):
        return Integrator(self, r, method)

    def choose(self, q, pi, tol, until):
        q, pi, choice = np.array(q), np.array(pi), Choice()
        ask = Ask(METHOD_GGL, self.parameters.ctypes.data, 0, q.ctypes.data, pi.ctypes.data, None, tol, until, 0, -1, 0)
        self.check(self.lag.lag_choose(self.model, BACKEND_LLVM, C.byref(ask), C.byref(choice)))
        return choice


class Integrator:
    def __init__(self, model, r, method):
        self.lag, self.check, self.dof = model.lag, model.check, len(model.system.q)
        kernel, self.it = C.c_void_p(), C.c_void_p()
        start = time.perf_counter()
        self.check(self.lag.lag_model_kernel(model.model, C.c_uint32(r), BACKEND_LLVM, C.byref(kernel)))
        self.compiled = time.perf_counter() - start
        self.check(self.lag.lag_integrator_new(kernel, method, C.byref(self.it)))
        self.lag.lag_integrator_parameters(self.it, array(model.parameters))

    def prepare(self, q, pi, h, steps, every, slack=1):
        """Starts; the function that advances, and the arrays where it puts q and pi after each `every`-th step."""
        self.check(self.lag.lag_integrator_slack(self.it, C.c_double(slack)))
        count = steps // every
        qs, pis = np.empty((count, self.dof)), np.empty((count, self.dof))
        rows = Rows(count, 0, None, qs.ctypes.data, pis.ctypes.data, None)
        self.check(self.lag.lag_integrator_start(self.it, C.c_double(0), array(np.array(q)), array(np.array(pi))))
        arguments = self.it, C.c_double(h), C.c_uint64(steps), C.c_uint64(every), C.byref(rows)
        return (lambda: self.lag.lag_integrator_advance(*arguments)), qs, pis

    def run(self, q, pi, h, steps, every):
        """[q, pi] after each `every`-th step, and the CPU's seconds that it took."""
        advance, qs, pis = self.prepare(q, pi, h, steps, every)
        start = time.process_time()
        status = advance()
        seconds = time.process_time() - start
        self.check(status)
        return qs, pis, seconds
