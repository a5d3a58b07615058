# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables for people, JSON for programs, pictures by gnuplot."""

import json
import os
import platform
import re
import shutil
import subprocess

PLOT = """
set terminal {terminal}
set output '{output}'
set title '{title}' noenhanced
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8 noborder
set boxwidth 0.9
set grid ytics
set logscale y 2
set ylabel 'ns'
set xtics rotate by 40 right noenhanced
set key top left
set bmargin 10
plot '{data}' using 2:xtic(1) title 'min', '' using 3 title 'median'
"""
TERMINALS = {"svg": "svg size 1000,600", "png": "png size 1000,600"}


def first_match(path, pattern, default="?"):
    try:
        with open(path, encoding="utf-8") as file:
            match = re.search(pattern, file.read(), re.M)
    except OSError:
        return default
    return match[1].strip() if match else default


def machine():
    return {"cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$", platform.machine()),
            "mhz": first_match("/proc/cpuinfo", r"^cpu MHz\s*:\s*(.*)$"),
            "cpus": os.cpu_count(), "kernel": platform.release(),
            "jit": first_match("/proc/sys/net/core/bpf_jit_enable", r"(\d)"),
            "load": os.getloadavg()[0]}


def show_machine(info):
    print(f"{info['cpu']}, {info['mhz']} MHz, {info['cpus']} CPUs, Linux {info['kernel']}, "
          f"BPF JIT {info['jit']}", flush=True)


# --- tables -----------------------------------------------------------------------------------------


def show_cases(title, cases):
    print(f"\n{title}\n  {'':<28}{'min':>10}{'median':>10}")
    for name, case in cases.items():
        lost = f"   {case['lost']} lost" if case.get("lost") else ""
        print(f"  {name:<28}{case['min_ns']:>10.1f}{case['median_ns']:>10.1f}{lost}")


def show_dataplane(result):
    show_cases(f"dataplane, BPF_PROG_TEST_RUN, ns a packet, {result['rounds']} rounds",
               result["cases"])


def show_live(result):
    show_cases(f"live packets through veth, ns a packet on one CPU, {result['rounds']} rounds",
               result["cases"])
    rates = [f"{name} {1e3 / case['median_ns']:.2f} Mpps" for name, case in result["cases"].items()]
    print(f"  {', '.join(rates)} (median)")


def show_control(result):
    latency, load = result["latency"], result["throughput"]
    print(f"\ncontrol plane, us, {latency['changes']} changes on an idle sand\n"
          f"  {'':<28}{'min':>10}{'p50':>10}{'p99':>10}")
    for name, times in latency["us"].items():
        print(f"  {name:<28}{times['min']:>10.0f}{times['p50']:>10.0f}{times['p99']:>10.0f}")
    print(f"  {load['batches']} batches of {load['lines']} x {load['attributes']} attributes: "
          f"{load['updates_per_s']} updates/s, {load['selections_changed']} selections changed, "
          f"in the map {load['settled_s'] - load['seconds']:.3f} s after the last answer")


SHOW = {"dataplane": show_dataplane, "live": show_live, "control": show_control}


def show_goals(goals):
    for item in goals:
        sign = ">=" if item["at_least"] else "<="
        median = f"(medians {item['median']:.2f})" if "median" in item else ""
        print(f"  {item['what']:<48}{item['value']:>8.2f} {sign} {item['limit']:g} {item['unit']:<4}"
              f"{'met' if item['met'] else 'MISSED':<8}{median}".rstrip())


# --- files ------------------------------------------------------------------------------------------


def write_json(folder, part, document):
    path = os.path.join(folder, f"{part}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    return path


def plot(folder, part, title, cases):
    """<part>.svg and .png, where gnuplot is installed; what was written, or why not."""
    if not shutil.which("gnuplot"):
        return "no pictures: gnuplot is not installed"
    data = os.path.join(folder, f"{part}.dat")
    with open(data, "w", encoding="utf-8") as file:
        for name, case in cases.items():
            file.write(f"{name} {case['min_ns']} {case['median_ns']}\n")
    outputs = []
    for kind, terminal in TERMINALS.items():
        output = os.path.join(folder, f"{part}.{kind}")
        done = subprocess.run(["gnuplot"], text=True, capture_output=True, check=False,
                              input=PLOT.format(terminal=terminal, output=output, title=title,
                                                data=data))
        if done.returncode or not os.path.getsize(output):
            return f"no pictures: gnuplot: {done.stderr.strip()}"
        outputs.append(output)
    return "pictures: " + ", ".join(os.path.relpath(path) for path in outputs)
