"""What stands on the screen before the first request: how to connect."""

from textual.content import Content

from tui.view import MUTED, STRONG, View, lines


def welcome(endpoint: str | None, view: View) -> Content:
    """Three ways to see the first figure; without an endpoint, how to get one."""
    rows = _listening(endpoint) if endpoint else _silent()
    return lines(*(_row(text) for text in rows))


def _listening(endpoint: str) -> list[str]:
    return [
        "tabwatt is listening.  Nothing has come through yet.",
        "",
        "1  In the shell that starts your tool:",
        f"       export OPENAI_BASE_URL={endpoint}/v1",
        f"       export ANTHROPIC_BASE_URL={endpoint}",
        "",
        "2  Or as base URL in the tool's own settings, the upstream by its name:",
        f"       {endpoint}/openai/v1",
        f"       {endpoint}/ollama",
        "",
        "3  To see it alive without any of that:",
        "       tabwatt demo",
        "",
        "Every byte passes untouched; no prompt, reply or key is kept.",
    ]


def _silent() -> list[str]:
    return [
        "Nothing has been recorded yet, and no proxy is listening.",
        "",
        "1  Start the proxy and this screen together:",
        "       tabwatt up",
        "",
        "2  To see it alive without any editor:",
        "       tabwatt demo",
    ]


def _row(text: str) -> Content:
    command = text.startswith("       ")
    closing = text.startswith("Every byte")
    first = text.startswith(("tabwatt is", "Nothing has"))
    style = "$primary" if command else MUTED if closing else STRONG if first else ""
    return Content.assemble((text, style)) if style else Content(text)
