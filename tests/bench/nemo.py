# SPDX-License-Identifier: GPL-2.0-or-later
"""NEMO scripts in process, of several lengths: what the program `nemo` printed of each."""

import sizes


def measure(seconds):
    return sizes.measure("nemo", (1000, 10000, 15000), 7, seconds)
