"""Reports on a text, with a chart that another component draws."""

from wit_world import exports
from wit_world.imports import charting


class Reporting(exports.Reporting):
    def report(self, title: str, text: str) -> str:
        lines = [title.title(), "=" * len(title), *charting.chart(text)]
        return "\n".join(lines)
