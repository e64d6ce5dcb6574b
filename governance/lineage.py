"""What came from what: source, preparation, landed rows, check, profile, verdicts, cases, pages, models, releases.

A projection of the record and of nothing else: an edge is there because an event says so. What was superseded stays
in the graph, marked, since that is where older verdicts came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from governance.faults import UsageFault
from governance.record.ledger import Event

# Fewer digits than these name too much by chance.
PREFIX_AT_LEAST = 8
KINDS = (
    "batch.landed",
    "lookup.landed",
    "personal.erased",
    "batch.held",
    "batch.checked",
    "reference.frozen",
    "batch.judged",
    "batch.reported",
    "model.trained",
    "nonconformity.suspected",
    "nonconformity.attached",
    "nonconformity.restated",
    "nonconformity.reopened",
    "release.requested",
    "release.granted",
    "release.refused",
    "release.withdrawn",
)


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that came from others. `digest` is None for what has none: a step, a check, a case, a release.

    `about` is `SYSTEM/BATCH` (or `SYSTEM/WINDOW`, or what a model is called); `superseded`: something newer took its
    place, or it was held back.
    """

    id: str
    kind: str
    label: str
    digest: str | None
    about: str
    at: str
    superseded: bool = False
    note: str = ""


@dataclass
class Lineage:
    """The graph: nodes by id, and the edges both ways, in the order in which the record has them."""

    nodes: dict[str, Node] = field(default_factory=dict)
    down: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    up: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, node: Node) -> str:
        """Enters the node, unless it is there; returns its id."""
        self.nodes.setdefault(node.id, node)
        return node.id

    def link(self, source: str | None, target: str) -> None:
        """Enters that `target` came from `source`, once; None and what the record does not know are left out."""
        if source in self.nodes and target not in self.down[source]:
            self.down[source].append(target)
            self.up[target].append(source)

    def above(self, starts: Iterable[str]) -> list[str]:
        """Everything that these came from, in breadth; without themselves."""
        return _reached(starts, self.up)

    def below(self, starts: Iterable[str]) -> list[str]:
        """Everything that came from these, in breadth; without themselves."""
        return _reached(starts, self.down)

    def mark(self, name: str, note: str = "") -> None:
        """Something newer took the place of this node."""
        self.nodes[name] = replace(self.nodes[name], superseded=True, note=note or self.nodes[name].note)

    def named(self, asked: str) -> list[str]:
        """The nodes that a prefix of a digest, a `SYSTEM/BATCH`, a case or a release means.

        Raises
        ------
        UsageFault
            There is none, the prefix is too short, or it begins several digests.
        """
        by_name = [n.id for n in self.nodes.values() if asked in (n.about, n.label) or n.id == asked]
        if by_name:
            return by_name
        if "/" in asked or any(mark not in "0123456789abcdef" for mark in asked):
            raise UsageFault(f"The record speaks of no {asked!r}. Name a digest, SYSTEM/BATCH, NC-… or REL-….")
        if len(asked) < PREFIX_AT_LEAST:
            raise UsageFault(f"A digest is named by at least {PREFIX_AT_LEAST} of its digits, got {asked!r}.")
        return self._with_digest(asked)

    def _with_digest(self, prefix: str) -> list[str]:
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes.values():
            if node.digest and node.digest.startswith(prefix):
                found[node.digest].append(node)
        if not found:
            raise UsageFault(f"No digest in the record begins with {prefix}.")
        if len(found) > 1:
            named = "; ".join(f"{digest} ({nodes[0].kind} {nodes[0].about})" for digest, nodes in found.items())
            raise UsageFault(f"{prefix} begins {len(found)} digests: {named}. Name more digits.")
        return [node.id for nodes in found.values() for node in nodes]


def _reached(starts: Iterable[str], edges: dict[str, list[str]]) -> list[str]:
    first = list(starts)
    seen, waiting = dict.fromkeys(first), list(first)
    while waiting:
        for name in edges.get(waiting.pop(0), ()):
            if name not in seen:
                seen[name] = None
                waiting.append(name)
    return [name for name in seen if name not in set(first)]


def lineage_of(events: Iterable[Event]) -> Lineage:
    """The graph that these events (of the kinds `KINDS`, in order) tell."""
    builder = _Builder(Lineage())
    for event in events:
        builder.enter(event)
    builder.settle()
    return builder.graph


class _Builder:
    """Enters event after event; remembers by what name later events will speak of a thing."""

    def __init__(self, graph: Lineage) -> None:
        self.graph = graph
        # Newest of each: a landed part by its subject, rows and profiles and models by system and digest.
        self.landed: dict[str, str] = {}
        self.rows: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.profiles: dict[tuple[str, str], str] = {}
        self.judged: dict[str, list[tuple[dict[str, Any], str, str]]] = defaultdict(list)
        self.newest: dict[tuple[str, str], str] = {}
        self.models: dict[tuple[str, str], str] = {}
        self.releases: dict[int, str] = {}
        self.current_profiles: dict[tuple[str, str], str] = {}

    def enter(self, event: Event) -> None:
        """The event's node and edges."""
        kind = "nonconformity" if event.kind.startswith("nonconformity.") else event.kind
        enter: dict[str, Callable[[Event], None]] = {
            "batch.landed": self._landed,
            "lookup.landed": self._landed,
            "personal.erased": self._erased,
            "batch.held": self._held,
            "batch.checked": self._checked,
            "reference.frozen": self._frozen,
            "batch.judged": self._judged,
            "batch.reported": self._reported,
            "model.trained": self._trained,
            "nonconformity": self._case,
            "release.requested": self._requested,
            "release.granted": self._decided,
            "release.refused": self._decided,
            "release.withdrawn": self._decided,
        }
        enter[kind](event)

    def settle(self) -> None:
        """Marks what nothing current rests on: profiles of older judgements, sources and steps of older rows."""
        current = set(self.current_profiles.values())
        for name in self.profiles.values():
            if name not in current:
                self.graph.mark(name)
        for kind in ("preparation", "source"):
            for name in reversed([n.id for n in self.graph.nodes.values() if n.kind == kind]):
                below = self.graph.down.get(name, [])
                if below and all(self.graph.nodes[one].superseded for one in below):
                    self.graph.mark(name)

    def _take_place(self, kind: str, subject: str, name: str) -> None:
        """The newest of its kind about a subject; the one before it is superseded."""
        before = self.newest.get((kind, subject))
        if before is not None and before != name:
            self.graph.mark(before)
        self.newest[kind, subject] = name
        if self.graph.nodes[name].superseded:
            self.graph.nodes[name] = replace(self.graph.nodes[name], superseded=False, note="")

    def _landed(self, event: Event) -> None:
        body, observed = event.body, event.body["observed"]
        about, part = event.subject.rsplit("/", 1)
        came = self.graph.add(_source_node(event, about))
        if self.graph.nodes[came].about != about:  # one file that holds many batches is about none of them
            self.graph.nodes[came] = replace(self.graph.nodes[came], about=about.split("/")[0])
        for place, step in enumerate(body.get("preparation", ())):
            rows = f"{step['rows_before']} → {step['rows_after']} rows, {step['rows_changed']} changed"
            name = f"step:{event.subject}:{body['digest']}:{place}"
            label = f"{step['operation']} {step['id']}: {rows}; {step['reason']}"
            after = self.graph.add(Node(name, "preparation", label, None, about, event.at))
            self.graph.link(came, after)
            came = after
        name = f"rows:{event.subject}:{body['digest']}"
        words = f"{part}, {observed['rows']} rows"
        self.graph.add(Node(name, "rows", words, body["digest"], about, event.at))
        self.graph.link(came, name)
        self._take_place("rows", event.subject, name)
        known = self.rows[event.subject.split("/")[0], body["digest"]]
        if name not in known:
            known.append(name)

    def _erased(self, event: Event) -> None:
        """The file behind a landing is another one now; what was measured before stays as it was known."""
        body, about = event.body, event.subject.rsplit("/", 1)[0]
        system = event.subject.split("/")[0]
        words = f"the same without {body['rows']} rows of persons who were erased"
        name = self.graph.add(Node(f"erased:{system}:{body['new']}", "rows", words, body["new"], about, event.at))
        before = [f"erased:{system}:{body['old']}", f"rows:{event.subject}:{body['old']}"]
        self.graph.link(next((one for one in before if one in self.graph.nodes), None), name)

    def _held(self, event: Event) -> None:
        name = f"rows:{event.subject}:{event.body.get('digest')}"
        if name in self.graph.nodes:
            self.graph.mark(name, f"held back: {event.body['reason']}")

    def _checked(self, event: Event) -> None:
        body, about = event.body, event.subject.rsplit("/", 1)[0]
        words = f"{body['met']} rules met, {len(body['unmet'])} unmet, {len(body['not_evaluated'])} not evaluated"
        name = self.graph.add(Node(f"check:{event.seq}", "check", words, None, about, event.at))
        self.graph.link(f"rows:{event.subject}:{body['inputs']['digest']}", name)
        system = event.subject.split("/")[0]
        for beside in ("reference", "before"):
            for batch, digest in (body["inputs"].get(beside) or {}).items():
                self._link_rows(system, digest, name, f"{system}/{batch}/")
        for lookup, digest in (body["inputs"].get("lookups") or {}).items():
            self._link_rows(system, digest, name, f"{system}/{lookup}")
        self._take_place("check", event.subject, name)

    def _frozen(self, event: Event) -> None:
        body, system = event.body, event.subject
        label = f"reference, {body['rows']} rows"
        name = self._profile(system, body["profile"], label, system, event.at)
        for digests in (body["inputs"]["batches"], body["inputs"].get("outcomes") or {}):
            for batch, digest in digests.items():
                self._link_rows(system, digest, name, f"{system}/{batch}/")
        self.current_profiles["reference", system] = name

    def _judged(self, event: Event) -> None:
        body, system = event.body, event.subject.split("/")[0]
        inputs = body["inputs"]
        profile = self._profile(system, inputs["profile"], "profile", event.subject, event.at)
        for key in ("data", "outcomes"):
            self._link_rows(system, inputs.get(key), profile, f"{event.subject}/")
        reference = self.profiles.get((system, inputs.get("reference") or ""))
        if reference != profile:
            self.graph.link(reference, profile)
        words = f"{body['measurements']} measurements, {body['verdicts']} verdicts"
        name = f"judged:{event.seq}"
        self.graph.add(Node(name, "verdicts", words, body["results"], event.subject, event.at))
        self.graph.link(profile, name)
        for key, digest in inputs.items():
            if key.startswith("against "):
                self.graph.link(self.profiles.get((system, digest)), name)
            elif key.startswith("profile "):
                self._link_unless(self.profiles.get((system, digest)), profile)
            elif key == "model":
                self.graph.link(self.models.get((system, digest)), name)
        self.judged[event.subject].append((inputs, body["results"], name))
        self._take_place("verdicts", event.subject, name)
        self.current_profiles["judged", event.subject] = profile

    def _link_unless(self, source: str | None, target: str) -> None:
        """A window of one batch has that batch's profile: it did not come from itself."""
        if source != target:
            self.graph.link(source, target)

    def _reported(self, event: Event) -> None:
        body = event.body
        name = f"page:{body['page']}:{body['sha256']}"
        self.graph.add(Node(name, "page", body["page"], body["sha256"], event.subject, event.at))
        for _, results, judged in self.judged[event.subject]:
            if results == body["results"]:
                self.graph.link(judged, name)
        self._take_place("page", event.subject, name)

    def _trained(self, event: Event) -> None:
        body, system = event.body, event.subject.split("/")[0]
        name = f"model:{event.subject}:{body['model']}"
        unmet = len((body.get("snapshot") or {}).get("unmet", ()))
        note = f"trained on a snapshot with {unmet} rules unmet" if unmet else ""
        label = f"{body['estimator']}, {len(body['features'])} features"
        self.graph.add(Node(name, "model", label, body["model"], event.subject, event.at, note=note))
        self._link_rows(system, body["inputs"]["data"], name, f"{system}/training/")
        self.models[system, body["model"]] = name
        self._take_place("model", event.subject, name)

    def _case(self, event: Event) -> None:
        body = event.body
        number = body.get("case") or event.seq
        name = f"NC-{number}"
        system = event.subject.split("/")[0]
        self.graph.add(Node(name, "nonconformity", name, None, event.subject, event.at))
        inputs = (body.get("evidence") or {}).get("inputs")
        for known, _, judged in reversed(self.judged.get(f"{system}/{body.get('batch')}", [])):
            if known == inputs:
                self.graph.link(judged, name)
                break

    def _requested(self, event: Event) -> None:
        name = f"REL-{event.seq}"
        self.graph.add(Node(name, "release", name, None, event.subject, event.at, note="requested"))
        self.graph.link(f"model:{event.subject}:{event.body['model']}", name)
        self.releases[event.seq] = name

    def _decided(self, event: Event) -> None:
        name = self.releases.get(event.body["request"])
        if name is None:
            return
        state = {"granted": "released"}.get(event.kind.split(".")[1], event.kind.split(".")[1])
        self.graph.nodes[name] = replace(self.graph.nodes[name], note=state, superseded=state in _OVER)
        if state == "released":
            self._take_place("release", event.subject, name)
            self.graph.nodes[name] = replace(self.graph.nodes[name], note=state)

    def _profile(self, system: str, digest: str, label: str, about: str, at: str) -> str:
        name = f"profile:{system}:{digest}"
        self.graph.add(Node(name, "profile", label, digest, about, at))
        self.profiles[system, digest] = name
        return name

    def _link_rows(self, system: str, digest: str | None, target: str, start: str) -> None:
        """Rows of that digest, those of the batch itself where the same bytes came for several."""
        known = self.rows.get((system, digest or ""), [])
        own = [name for name in known if name.startswith(f"rows:{start}")]
        for name in own or known:
            self.graph.link(name, target)


_OVER = frozenset({"refused", "withdrawn"})


def _source_node(event: Event, about: str) -> Node:
    observed = event.body["observed"]
    named = observed.get("source") or {}
    label = str(named.get("file") or named.get("member") or named.get("table") or "source")
    digest = observed["source_sha256"]
    return Node(f"source:{digest}", "source", label, digest, about, event.at)


def rows_of(graph: Lineage, starts: Iterable[str], *, up: bool, down: bool) -> Iterator[dict[str, Any]]:
    """The nodes themselves, what they came from and what came from them, with the listing's keys."""
    asked = list(starts)
    sides = [("asked", asked)]
    sides += [("up", graph.above(asked))] if up else []
    sides += [("down", graph.below(asked))] if down else []
    for direction, names in sides:
        for name in names:
            node = graph.nodes[name]
            yield {
                "direction": direction,
                "id": node.id,
                "kind": node.kind,
                "label": node.label,
                "digest": node.digest,
                "about": node.about,
                "at": node.at,
                "superseded": node.superseded,
                "note": node.note or None,
                "from": list(graph.up.get(name, ())),
                "to": list(graph.down.get(name, ())),
            }
