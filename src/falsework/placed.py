"""Faults of values -> problems, each at the place of its value."""

from collections.abc import Mapping, Sequence

from falsework.defaults import Filling
from falsework.link import Link
from falsework.origins import Default, default_place, origin_at, spot_name, spot_of_table, spot_of_value
from falsework.places import Path
from falsework.problems import Problem
from falsework.scalars import Fault


def problems_of(faults: Sequence[Fault], filling: Filling, links: Mapping[Path, Link]) -> list[Problem]:
    """Without those of values that were only read from others which are at fault themselves."""
    paths = {fault.path for fault in faults}
    first = (fault for fault in faults if fault.path not in links or paths.isdisjoint(links[fault.path].reads))
    return [_problem_of(fault, filling, links) for fault in first]


def _problem_of(fault: Fault, filling: Filling, links: Mapping[Path, Link]) -> Problem:
    """A fault of a value, at the place of the value; of what nobody wrote, at the nearest table above it."""
    spot = spot_of_value(filling.layers, filling.origins, fault.path)
    origin, _ = origin_at(filling.origins, fault.path)
    link = links.get(fault.path)
    if link is not None:  # what is written there is right; what came of it is not
        what = fault.what if spot else f"{fault.what} ({link.word} {link.note})"
        mend = "use // or round()" if link.text and fault.note else ""
        return Problem(what, fault.path, spot or filling.header(fault.path), mend)
    if fault.is_secret and spot is not None:  # its source line is not shown
        return Problem(fault.what, fault.path, None, fault.mend, spot_name(spot))
    if spot is None and isinstance(origin, Default):
        return Problem(fault.what, fault.path, None, fault.help(fault.path), default_place(origin))
    spot = spot or spot_of_table(filling.layers, filling.origins, fault.path, filling.experiment)
    return Problem(fault.what, fault.path, spot, fault.help(fault.path))
