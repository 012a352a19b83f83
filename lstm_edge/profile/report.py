"""A profile as text for people, and as JSON."""

from __future__ import annotations

from typing import Any

from lstm_edge.profile.bundle_profile import Profile
from lstm_edge.profile.energy import Energy
from lstm_edge.profile.results import Band, CallCost, Cost

FUNCTIONS_SHOWN = 10
NOT_EXACT = (
    "there is no C compiler for this computer, so QEMU's clock was read instead of counting each "
    "instruction: totals only, to about one in a thousand; install one (Debian, Ubuntu: "
    "apt-get install gcc)"
)


def text(profile: Profile) -> str:
    """The whole profile."""
    lines = [f"{profile.name} for {profile.target}"]
    lines += _calls(profile)
    if profile.exact:
        lines += _layers(profile.main)
        lines += _functions(profile.main)
        lines += [f"  {line}" for line in _of_the_model(profile)]
    else:
        lines.append(f"  {NOT_EXACT}")
    lines += _memory(profile)
    if profile.energy is not None:
        lines += _energy(profile.main, profile.energy)
    return "\n".join(lines)


def to_json(profile: Profile) -> dict[str, Any]:
    """The same as plain values; what is not known is None."""
    step, main, run = profile.step, profile.main, profile.run
    cycles = profile.band(None if step is None else step.mean.cycles)
    made: dict[str, Any] = {
        "name": profile.name,
        "target": profile.target,
        "exact": profile.exact,
        "macs_per_step": None if step is None else number(step.macs),
        "instructions_per_step": None if step is None else number(step.mean.instructions),
        "instructions_per_step_most": None if step is None else number(step.most.instructions),
        "instructions_per_mac": _per_mac(main, main.mean.instructions),
        "cycles_per_step": None if cycles is None else number(cycles.value),
        "cycles_per_step_most": None if step is None else _optional(step.most.cycles),
        "cycles_low": None if cycles is None else round(cycles.low),
        "cycles_high": None if cycles is None else round(cycles.high),
        "cycles_per_mac": _per_mac(main, main.mean.cycles),
        "layers": [
            {"name": layer.name, "macs": number(layer.macs), **_cost(layer.cost)}
            for layer in main.layers
        ],
        "outside_layers": _cost(main.outside) if profile.exact else None,
        "functions": [{"name": f.name, **_cost(f.cost)} for f in main.functions],
        "run": _run(profile, run),
        "counted": {
            "inputs": "drawn" if profile.made_up else "held_back",
            "function": main.function,
            "calls": main.calls,
            "steps": main.calls * main.steps,
        },
        "cycle_model": _model_json(profile),
        "flash": vars(profile.flash),
        "ram": {
            "state": profile.ram.state,
            "scratch": profile.ram.scratch,
            "stack": profile.ram.stack,
            "stack_seen": profile.ram.seen,
            "stack_path": list(profile.ram.path),
            "stack_unbounded": profile.ram.unbounded or None,
        },
        "energy": None if profile.energy is None else _energy_json(profile.energy),
    }
    return made


def _of_the_model(profile: Profile) -> list[str]:
    table = profile.timing
    if table is None:
        return [f"no cycles: there is no timing table for {profile.core}"]
    return [
        f"cycles are those of a model of {table.title}, memory without wait states, "
        f"+-{table.band:.0%}",
        f"  {table.status}",
    ]


def _model_json(profile: Profile) -> dict[str, Any] | None:
    table = profile.timing
    if table is None:
        return None
    return {
        "core": table.core,
        "band": table.band,
        "validated": table.status.startswith("validated"),
        "status": table.status,
    }


def number(value: float) -> float | int:
    """Whole numbers as such; others to two digits."""
    return int(value) if value == int(value) else round(value, 2)


def _optional(value: float | None) -> float | int | None:
    return None if value is None else number(value)


def _cost(cost: Cost) -> dict[str, Any]:
    return {"instructions": number(cost.instructions), "cycles": _optional(cost.cycles)}


def _run(profile: Profile, run: CallCost) -> dict[str, Any]:
    band = profile.band(run.mean.cycles)
    return {
        "steps": run.steps,
        "calls": run.calls,
        "macs": number(run.macs),
        **_cost(run.mean),
        "instructions_most": number(run.most.instructions),
        "cycles_most": _optional(run.most.cycles),
        "cycles_low": None if band is None else round(band.low),
        "cycles_high": None if band is None else round(band.high),
    }


def _per_mac(call: CallCost, value: float | None) -> float | None:
    return None if value is None or not call.macs else round(value / call.macs, 3)


def _energy_json(energy: Energy) -> dict[str, Any]:
    part = energy.part
    return {
        "board": part.name,
        "part": part.title,
        "mhz": part.mhz,
        "volts": part.volts,
        "kind": part.kind,
        "source": part.source,
        "microjoules": round(energy.microjoules.value, 4),
        "microjoules_low": round(energy.microjoules.low, 4),
        "microjoules_high": round(energy.microjoules.high, 4),
        "microseconds": round(energy.microseconds.value, 2),
    }


def _calls(profile: Profile) -> list[str]:
    lines = [f"  {'':20} {'instructions':>13} {'most':>11} {'cycles':>11}   band"]
    for call in (profile.step, profile.run):
        if call is None:
            continue
        cycles, band = "-", ""
        found = profile.band(call.mean.cycles)
        if found is not None:
            cycles, band = f"{found.value:,.0f}", f"{found.low:,.0f} .. {found.high:,.0f}"
        plural = "" if call.steps == 1 else "s"
        kind = "step" if call is profile.step else f"run of {call.steps} step{plural}"
        mean, most = call.mean.instructions, call.most.instructions
        lines.append(f"  {kind:20} {mean:>13,.0f} {most:>11,.0f} {cycles:>11}   {band}".rstrip())
    samples = "made-up" if profile.made_up else "held-back"
    lines += [
        f"  {call.function}: {call.macs:,.0f} MACs{_ratios(call)}; "
        f"counted {call.calls} call{'s' if call.calls > 1 else ''} on {samples} samples"
        for call in (profile.step, profile.run)
        if call is not None
    ]
    return lines


def _ratios(call: CallCost) -> str:
    instructions, cycles = _per_mac(call, call.mean.instructions), _per_mac(call, call.mean.cycles)
    if instructions is None:
        return ""
    each = f", {instructions:.2f} instructions per MAC"
    return each if cycles is None else f"{each}, {cycles:.2f} cycles"


def _layers(call: CallCost) -> list[str]:
    lines = [f"  {'layer':30} {'MACs':>12} {'instructions':>14} {'cycles':>12}"]
    for layer in call.layers:
        lines.append(_line(layer.name, f"{layer.macs:,.0f}", layer.cost))
    return [*lines, _line("(outside of layers)", "", call.outside)]


def _functions(call: CallCost) -> list[str]:
    lines = [f"  {'function':43} {'instructions':>14} {'cycles':>12}"]
    shown = call.functions[:FUNCTIONS_SHOWN]
    lines += [_line(function.name, "", function.cost) for function in shown]
    left = len(call.functions) - len(shown)
    return [*lines, f"    and {left} more: --json has all"] if left else lines


def _line(name: str, macs: str, cost: Cost) -> str:
    cycles = "-" if cost.cycles is None else f"{cost.cycles:,.0f}"
    return f"    {name:28} {macs:>12} {cost.instructions:>14,.0f} {cycles:>12}"


def _memory(profile: Profile) -> list[str]:
    flash, ram = profile.flash, profile.ram
    library = f", library {flash.library:,} B" if flash.library else ""
    bound = f"no bound ({ram.unbounded})" if ram.stack is None else f"at most {ram.stack:,} B"
    seen = "" if ram.seen is None else f", {ram.seen:,} B seen"
    return [
        f"  flash  code {flash.code:,} B{library}, weights {flash.weights:,} B, "
        f"tables {flash.tables:,} B",
        f"  RAM    state {ram.state:,} B, scratch {ram.scratch:,} B, stack {bound}{seen}",
        f"         deepest: {' > '.join(ram.path)}",
    ]


def _energy(call: CallCost, energy: Energy) -> list[str]:
    part, used, time = energy.part, energy.microjoules, energy.microseconds
    what = "step" if call.steps == 1 and call.function.endswith("_step") else "run"
    how = "measured" if part.kind == "measured" else "data sheet's headline times 2, 1.5 to 2.5"
    return [
        f"  energy {_micro(used)} uJ per {what}, {time.value:,.1f} us at {part.mhz:g} MHz",
        f"         {part.title}, {part.mhz:g} MHz, {part.volts:g} V; {how}: {part.source}",
    ]


def _micro(band: Band) -> str:
    return f"{band.value:,.3g} ({band.low:,.3g} .. {band.high:,.3g})"
