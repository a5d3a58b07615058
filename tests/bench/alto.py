# SPDX-License-Identifier: GPL-2.0-or-later
"""ALTO's answers in process, of maps of several sizes: what the program `alto` printed of each."""

import sizes


def measure(seconds):
    return sizes.measure("alto", (100, 1000, 10000), 5, seconds)
