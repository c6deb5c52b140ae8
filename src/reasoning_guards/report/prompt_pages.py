"""Prompts as their chapter shows them: as text that wraps, escaped, never as markup."""

from html import escape
from typing import TYPE_CHECKING

from reasoning_guards import policies, prompts
from reasoning_guards.recipes import Mode, Template
from reasoning_guards.report import markup, world
from reasoning_guards.synthetic import teacher

if TYPE_CHECKING:
    from IPython.display import Markdown

_LONGEST = 20_000  # characters of a prompt: instructions and a taxonomy are to be read whole

# Lines taken away and lines put in; the signs and the elements say so too, not the colour alone.
_CHANGES = {
    "-": ("del", "background: rgba(213, 94, 0, 0.2)"),
    "+": ("ins", "background: rgba(0, 114, 178, 0.2)"),
}


def template(*names: str) -> "Markdown":
    """Templates as they are in the files, each under its name; several are folded away."""
    element = "<details open>" if len(names) == 1 else "<details>"
    return markup.show(
        "".join(
            f"{element}<summary><code>{escape(name)}</code></summary>"
            f"{_preformatted(escape(prompts.load_template(name)))}</details>"
            for name in names
        )
    )


def difference(printed: str, used: str | None = None) -> "Markdown":
    """What is changed between a template as printed and as used; see `prompts.diff`."""
    lines = prompts.diff(printed, used).splitlines()
    return markup.show(_preformatted("\n".join(map(_changed, lines))))


def policy(name: str) -> "Markdown":
    """A taxonomy as a guard reads it."""
    return markup.show(_preformatted(escape(policies.load(name).text)))


def asked(
    example_id: str, mode: Mode, template: Template, *, mode_token: bool = False
) -> "Markdown":
    """What a guard is asked about an example of the embedded world."""
    example = world.find(example_id)
    text = prompts.guard_prompt(example, mode, template, mode_token=mode_token)
    return markup.show(_preformatted(markup.inert(text, _LONGEST)))


def answered(example_id: str, mode: Mode) -> "Markdown":
    """What a guard is trained to answer to that; with the full trace where it reasons."""
    example = world.find(example_id)
    trace = teacher.trace(example, None) if mode == "reasoning" else None
    return markup.show(_preformatted(markup.inert(prompts.completion(example, trace))))


def _changed(line: str) -> str:
    text = escape(line)
    if line[:1] in _CHANGES and not line.startswith(("---", "+++")):
        element, style = _CHANGES[line[0]]
        return f'<{element} style="text-decoration: none; {style}">{text}</{element}>'
    return text


def _preformatted(content: str) -> str:
    """Escaped text with its line breaks, wrapped to the width of the page."""
    return f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{content}</pre>'
