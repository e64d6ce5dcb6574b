"""`aims lineage`: from any digest, batch, case or release to everything it came from and everything it led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assets.kept.home import home
from governance.faults import UsageFault

if TYPE_CHECKING:
    from rich.tree import Tree

    from governance.lineage import Lineage, Node


@click.command()
@click.argument("what", metavar="DIGEST")
@click.option("--up", is_flag=True, help="Only what it came from.")
@click.option("--down", is_flag=True, help="Only what came from it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def lineage(what: str, up: bool, down: bool, as_json: bool) -> None:
    """What DIGEST came from, back to its sources, and what came from it.

    DIGEST is at least 8 digits of a digest, of a source, landed rows, a profile, results, a page or a model; or
    SYSTEM/BATCH, a case (NC-12) or a release (REL-7).
    """
    from governance.lineage import KINDS, lineage_of, rows_of
    from pipelines.listing import show

    if not home().exists:
        raise UsageFault(f"Nothing is recorded in {home().root}. Start with `aims demo`, or name it with AIMS_HOME.")
    register = home().register()
    events = sorted((event for kind in KINDS for event in register.events(kind)), key=lambda event: event.seq)
    graph = lineage_of(events)
    starts = graph.named(_by_label(what))
    both = up == down
    if as_json:
        show(rows_of(graph, starts, up=up or both, down=down or both), (), as_json=True, empty="")
        return
    from rich.console import Console

    console = Console()
    wide = console if console.is_terminal else Console(width=10_000)
    for start in starts:
        if up or both:
            wide.print(_tree(graph, start, graph.up, "came from"))
        if down or both:
            wide.print(_tree(graph, start, graph.down, "led to"))


def _by_label(what: str) -> str:
    """A batch may be called by its label, as elsewhere."""
    from governance.declared.declarations import load_all, systems_folder
    from governance.declared.periods import find_batch

    system, _, batch = what.partition("/")
    declaration = load_all(systems_folder()).sound.get(system) if batch and "/" not in batch else None
    if declaration is None:
        return what
    try:
        return f"{system}/{find_batch(declaration.system, batch)}"
    except UsageFault:
        return what


def _tree(graph: Lineage, start: str, edges: dict[str, list[str]], words: str) -> Tree:
    from rich.tree import Tree

    root = Tree(f"{_words(graph.nodes[start])}  [bold]{words}[/bold]" + ("" if edges.get(start) else " nothing"))
    seen, waiting = {start}, [(start, root)]
    while waiting:
        name, branch = waiting.pop(0)
        for other in edges.get(name, ()):
            if other in seen:
                branch.add(f"[dim]{_words(graph.nodes[other])} (see above)[/dim]")
                continue
            seen.add(other)
            waiting.append((other, branch.add(_words(graph.nodes[other]))))
    return root


def _words(node: Node) -> str:
    from rich.markup import escape

    said = [node.kind, node.digest[:12] if node.digest else "", node.about if node.about != node.label else ""]
    text = escape("  ".join(word for word in (*said, node.label) if word))
    note = f" ({escape(node.note)})" if node.note else ""
    return f"[dim]{text}{note}  superseded[/dim]" if node.superseded else f"{text}{note}"


COMMANDS: tuple[click.Command, ...] = (lineage,)
