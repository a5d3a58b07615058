#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes function1.inc and function2.inc: the two functions of the CATS middleware draft at every
breakpoint and both its neighbours (one unit, one thousandth), computed with exact fractions and
independently of the C code. Rows: the three attributes as text, the metric."""
import itertools
import os
from fractions import Fraction as F
from math import floor


def half_up(x):
    return floor(x + F(1, 2))


def step(at):
    return lambda x: 1000 if x >= at else 0


def ramp(start, end):
    def curve(x):
        y = (x - start) / F(end - start) * 1000
        return half_up(min(max(y, F(0)), F(1000)))
    return curve


def metric(curves, weights, values):
    scores = [c(v) for c, v in zip(curves, values)]
    if 1000 in scores:
        return 1000
    return half_up(F(sum(w * s for w, s in zip(weights, scores)), sum(weights)))


def around(points, extra):
    near = [F(p) + d for p in points for d in (F(-1), F(-1, 1000), F(0), F(1, 1000), F(1))]
    return sorted(set(near + [F(e) for e in extra]))


def text(x):
    whole, rest = divmod(int(x * 1000), 1000)
    return f'{whole}.{rest:03}'.rstrip('0').rstrip('.')


def rows(curves, weights, sweeps, bases):
    seen = {}
    for i, sweep in enumerate(sweeps):
        others = [sweep if j == i else [F(b) for b in bases[j]] for j in range(len(sweeps))]
        for values in itertools.product(*others):
            seen[values] = metric(curves, weights, values)
    return sorted(seen.items())


def write(name, table):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, name), 'w', encoding='ascii') as out:
        out.write('/* SPDX-License-Identifier: GPL-2.0-or-later */\n/* made by make.py */\n')
        for values, m in table:
            out.write('{{%s}, %d},\n' % (', '.join(f'"{text(v)}"' for v in values), m))


# resource first: delay_us, loss_ppm gate; cpu_load counts
write('function1.inc', rows(
    [step(50000), step(1000), ramp(40, 80)], [0, 0, 1],
    [around([50000], [0]), around([1000], [0]), around([40, 80], [0, 60, 100])],
    [[1000, 60000], [0, 5000], [10, 71.5]]))
# experience first: delay_us, jitter_us, cpu_cores_free, equal weights
write('function2.inc', rows(
    [ramp(20000, 100000), ramp(5000, 15000), ramp(12, 6)], [1, 1, 1],
    [around([20000, 100000], [0, 60000]), around([5000, 15000], [0, 10000]),
     around([6, 12], [0, 9, 64])],
    [[5000, 33333], [1000, 12345], [16, F(77, 10)]]))
