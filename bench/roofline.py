# SPDX-License-Identifier: Apache-2.0
"""Draws what `thalweg bench --ops --json` printed: products and convolutions under the roofline, the other operators beside the triad. Rows that are
bound by what a launch takes stand in neither.

    python3 bench/roofline.py OPS.json PICTURE.svg

wants matplotlib from PyPI.
"""
import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "thalweg", "font.size": 8})
import matplotlib.pyplot as plot  # noqa: E402

GROUPS = {
    "matmul": ("tab:blue", "o"),
    "convolution": ("tab:orange", "s"),
    "convolution_dx": ("tab:red", "^"),
    "convolution_dw": ("tab:purple", "v"),
    "attention": ("tab:green", "D"),
    "attention_dx": ("tab:green", "X"),
    "recurrence": ("tab:brown", "P"),
    "recurrence_dx": ("tab:brown", "*"),
}


def read(path):
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    if not lines or "gflops_limit" not in lines[0]:
        sys.exit(f"{path} is not what thalweg bench --ops --json prints")
    return lines[0], [row for row in lines[1:] if row["limit"] != "launch"]


def draw_roofline(axes, head, rows):
    top, slope = head["gflops_limit"], head["gbytes_limit"]
    reach = [0.5, 2000]
    knee = top / slope
    axes.plot([reach[0], knee, reach[1]], [reach[0] * slope, top, top], color="black", linewidth=1)
    axes.text(reach[1], top * 1.05, f"{top:.0f} GFLOP/s: multiply-adds in registers", ha="right")
    axes.text(reach[0] * 1.1, reach[0] * slope * 1.6, f"triad, {slope:.0f} GB/s", rotation=60, va="bottom")
    for name, (color, marker) in GROUPS.items():
        chosen = [r for r in rows if r["operator"] == name and r["gflops"] and r["gbytes"]]
        if chosen:
            axes.scatter([r["gflops"] / r["gbytes"] for r in chosen], [r["gflops"] for r in chosen], s=16, color=color,
                         marker=marker, label=name, alpha=0.8, linewidths=0)
    axes.set(xscale="log", yscale="log", xlim=reach, ylim=(4, 800), xlabel="operations a byte of inputs and outputs",
             ylabel="GFLOP/s (of the direct sum)")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(loc="lower right", fontsize=7)


def draw_memory(axes, rows):
    chosen = [r for r in rows if r["operator"] not in GROUPS and r["memory"]]
    chosen.sort(key=lambda r: r["memory"])
    parts = [r["memory"] for r in chosen]
    axes.barh(range(len(chosen)), [min(p, 1.5) for p in parts], height=0.7,
              color=["tab:blue" if p >= 0.8 else "tab:orange" for p in parts])
    axes.axvline(1, color="black", linewidth=1)
    axes.axvline(0.8, color="black", linewidth=0.5, linestyle="--")
    axes.set_yticks(range(len(chosen)), [f"{r['operator']}  {r['shapes']}" for r in chosen], fontsize=5)
    axes.set(xlim=(0, 1.5), ylim=(-0.7, len(chosen) - 0.3), xlabel="part of the triad (longer bars are cut at 1.5)")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    head, rows = read(sys.argv[1])
    figure, (left, right) = plot.subplots(1, 2, figsize=(12, 7), width_ratios=[1.2, 1])
    draw_roofline(left, head, rows)
    draw_memory(right, rows)
    figure.suptitle(f"{head['device']}, {head['platform']}, driver {head['driver']}")
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


main()
