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
LINES = """
set terminal {terminal}
set output '{output}'
set title '{title}' noenhanced
set grid
set key left top noenhanced
{axes}
plot {plots}
"""
LATENCIES = {"latency": "by REST", "latency_put": "by a Put to the server in sand",
             "latency_etcd": "by a Put to an etcd that sand follows (data on tmpfs)"}
NEMO_CASES = {"look": "every byte looked at", "parse": "parsed", "check": "parsed and checked",
              "json": "made canonical JSON", "export": "store exported"}
ALTO_CASES = {"costs": "filtered cost map, 3 costs", "costs_hot": "  of the same 10 sources",
              "costs_floor": "  its text, ready made", "paths": "path vectors",
              "paths_hot": "  of the same 10 sources", "paths_floor": "  their text, ready made"}


def latency_cdf(result):
    """Of each way to write, and of what happens inside: share of the changes that took no longer."""
    def share(name, series):
        cdf = result[name]["us"][series].get("cdf", []) if result.get(name) else []
        return [(us, percent / 100) for percent, us in enumerate(cdf)]

    return {**{text: share(name, "map") for name, text in LATENCIES.items()},
            "inside sand, by REST": share("latency", "inside")}


def by_size(name):
    return lambda result: [(size, got[name.format(size)]["p50"])
                           for size, got in result["sizes"].items()]


def by_pids(name):
    return lambda result: {text.strip(): [(size, got["cases"][case]["per_s"])
                                          for size, got in result["sizes"].items()]
                           for case, text in ALTO_CASES.items() if case.startswith(name)}


# Of a part: name of the picture, its title, the axes, and what gives the rows, or {series: rows}.
CURVES = {
    "control": [("latency", "status change to map, share of changes within",
                 "set logscale x; set xlabel 'us'; set yrange [0:1]", latency_cdf)],
    "scale": [("scale_all", "evaluation of all candidates",
               "set logscale xy; set xlabel 'candidates'; set ylabel 'us'", by_size("full_{}")),
              ("scale_one", "one change among so many candidates",
               "set logscale x; set xlabel 'candidates'; set ylabel 'us'; set yrange [0:]",
               by_size("eval_1"))],
    "load": [("load_rate", "status updates by the protocol of etcd",
              "set xlabel 's'; set ylabel 'updates/s'; set yrange [0:]",
              lambda result: list(enumerate(result["load"]["each_second"][:-1]))),
             ("load_memory", "resident memory of the child under load",
              "set xlabel 's'; set ylabel 'KiB'; set yrange [0:]",
              lambda result: [(row[0], row[-1]) for row in result["load"]["resident_kib"]])],
    "alto": [("alto_costs", "filtered cost maps, 10 x 10 PIDs, 3 cost types",
              "set logscale xy; set xlabel 'PIDs'; set ylabel 'a second'", by_pids("costs")),
             ("alto_paths", "path vectors, 10 x 10 PIDs",
              "set logscale xy; set xlabel 'PIDs'; set ylabel 'a second'", by_pids("paths"))],
}
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


def show_latency(text, latency):
    if not latency:
        print(f"  {text}: skipped, etcd is not installed")
        return
    print(f"  {text}, {latency['changes']} changes\n  {'':<28}{'min':>10}{'p50':>10}{'p99':>10}")
    for name, times in latency["us"].items():
        print(f"    {name:<26}{times['min']:>10.0f}{times['p50']:>10.0f}{times['p99']:>10.0f}")


def show_control(result):
    load = result["throughput"]
    print("\ncontrol plane, changes on an idle sand, us")
    for name, text in LATENCIES.items():
        show_latency(text, result[name])
    print(f"  {load['batches']} batches of {load['lines']} x {load['attributes']} attributes: "
          f"{load['updates_per_s']} updates/s, {load['selections_changed']} selections changed, "
          f"in the map {load['settled_s'] - load['seconds']:.3f} s after the last answer")


def show_scale(result):
    print("\nview and orc, 10 instances a service, p50 in us\n"
          f"  {'candidates':>12}{'B each':>8}{'all':>12}{'1 of them':>12}{'100':>12}{'10000':>12}"
          f"{'1 moves':>12}")
    for size, got in result["sizes"].items():
        def p50(name, source=got):
            return f"{source[name]['p50']:>12.1f}" if name in source else f"{'-':>12}"
        print(f"  {size:>12}{got['bytes_candidate']:>8.0f}{p50(f'full_{size}')}{p50('eval_1')}"
              f"{p50('eval_100')}{p50('eval_10000')}{p50('move_1')}")
    large = result["sizes"][max(result["sizes"])]
    print(f"  {large['candidates']}: filled in {large['fill_us'] / 1e6:.2f} s, first plan "
          f"{large['first_us'] / 1e6:.2f} s; {large['bytes_service']:.0f} B a service")


def show_load(result):
    writes, start, moves = result["load"], result["start"], result["moves"]
    print(f"\nwrites by etcd's protocol, {writes['seconds']:.0f} s: {writes['updates']} updates, "
          f"{writes['updates_per_s']:.0f}/s; {writes['selections_changed']} selections changed, in "
          f"the map {writes['settled_s']:.3f} s after the last answer; child "
          f"{writes['resident_kib'][-1][-1]} KiB; {writes['sent']} packets, {writes['lost']} lost\n"
          f"start with {start['services']} services in the database: in sync after "
          f"{start['synced_s']:.2f} s, first plan applied after {start['ready_s']:.2f} s, child "
          f"{start['child_cpu_s']:.2f} s of CPU, "
          f"{start['child_kib']} KiB; "
          f"{start['sent']} packets, {start['lost']} lost")
    for what, times in (("event to plan", moves["react_ms"]), ("plan to maps", moves["apply_ms"])):
        print(f"{moves['services']} selections moved by one event, {what}: "
              f"{times[0]:.1f} ms min, {times[len(times) // 2]:.1f} ms median, {times[-1]:.1f} ms max")


def show_alto(result):
    print("\nALTO's answers in process, 10 x 10 PIDs of a ring with chords, times in us\n"
          f"  {'':<28}{'PIDs':>8}{'B':>10}{'a second':>12}{'p50':>12}{'p99':>12}")
    for name, text in ALTO_CASES.items():
        for size, got in result["sizes"].items():
            case = got["cases"][name]
            print(f"  {text:<28}{size:>8}{case['bytes']:>10}{case['per_s']:>12.0f}"
                  f"{case['p50_us']:>12.2f}{case['p99_us']:>12.2f}")
    for size, got in result["sizes"].items():
        print(f"  {size} domains, {got['links']} ways: replaced in {got['filled_s']:.3f} s, snapshot "
              f"{got['snapshot_ms']:.2f} ms, {got['resident_kib']} KiB, after the requests "
              f"{got['cache_kib']} KiB more")


def show_nemo(result):
    print("\nNEMO scripts in process, medians\n"
          f"  {'':<28}{'statements':>12}{'ms':>12}{'a second':>12}{'MB/s':>12}")
    for name, text in NEMO_CASES.items():
        for size, got in result["sizes"].items():
            median_us = got["cases"][name]["p50_us"]
            print(f"  {text:<28}{size:>12}{median_us / 1e3:>12.2f}"
                  f"{got['statements'] / median_us * 1e6:>12.0f}{got['bytes'] / median_us:>12.1f}")
    for size, got in result["sizes"].items():
        parse_us = got["lists"]["parse"]["p50_us"]
        print(f"  {size} statements, {got['bytes']} B: tree {got['tree_bytes'] // 1024} KiB, store "
              f"{got['store_bytes'] // 1024} KiB; {got['lists_bytes']} B of lists parsed in "
              f"{parse_us / 1e3:.2f} ms, {got['lists_bytes'] / parse_us:.1f} MB/s")


SHOW = {"dataplane": show_dataplane, "live": show_live, "control": show_control,
        "scale": show_scale, "load": show_load, "alto": show_alto,
        "nemo": show_nemo}


def show_goals(goals):
    for item in goals:
        sign = ">=" if item["at_least"] else "<="
        median = f"(medians {item['median']:.2f})" if "median" in item else ""
        print(f"  {item['what']:<48}{item['value']:>8.2f} {sign} {item['limit']:g} {item['unit']:<5}"
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
    rows = [(name, case["min_ns"], case["median_ns"]) for name, case in cases.items()]
    return draw(folder, part, PLOT, title, {"": rows})


def curves(folder, part, result):
    """The pictures of a part: see CURVES."""
    return "\n  ".join(draw(folder, name, LINES, title, in_series(rows(result)), axes)
                       for name, title, axes, rows in CURVES.get(part, ()))


def in_series(rows):
    return rows if isinstance(rows, dict) else {"": rows}


def draw(folder, name, program, title, series, axes=""):
    """series: rows by what the key says, "" nothing."""
    series = {text: rows for text, rows in series.items() if rows}
    if not shutil.which("gnuplot"):
        return "no pictures: gnuplot is not installed"
    if not series:
        return f"no picture {name}: too little was measured"
    data = os.path.join(folder, f"{name}.dat")
    with open(data, "w", encoding="utf-8") as file:
        for rows in series.values():
            file.writelines([" ".join(map(str, row)) + "\n" for row in rows] + ["\n\n"])
    plots = ", ".join(
        f"'{data}' index {i} using 1:2 with linespoints pointtype 7 " +
        (f"title '{text}'" if text else "notitle") for i, text in enumerate(series))
    outputs = []
    for kind, terminal in TERMINALS.items():
        output = os.path.join(folder, f"{name}.{kind}")
        done = subprocess.run(["gnuplot"], text=True, capture_output=True, check=False,
                              input=program.format(terminal=terminal, output=output, title=title,
                                                   data=data, axes=axes, plots=plots))
        if done.returncode or not os.path.getsize(output):
            return f"no pictures: gnuplot: {done.stderr.strip()}"
        outputs.append(output)
    return "pictures: " + ", ".join(os.path.relpath(path) for path in outputs)
