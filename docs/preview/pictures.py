"""Makes a picture of Markdown, similar to GitHub: with headless Chromium, and Mermaid from npm."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
MERMAID = "mermaid@11.17.2"
# npm installs it into the virtual environment, so that it is not in the repository.
MODULES = HERE.parent.parent / ".venv" / "mermaid"
THEMES = ("light", "dark")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1012
# Of a picture, where it is shown.
MAX_HEIGHT = 600
_CHROMIUM_TIMEOUT_SECONDS = 120
_COLOURS = 160
_HEIGHT = re.compile(r"<title>(\d+) (.*?)</title>", re.DOTALL)
# Draws the charts, then sets the title to the height of the page and, after it, an error if there was one.
_DRAW = r"""
(async () => {
  let wrong = "";
  try {
    const dark = document.documentElement.dataset.theme === "dark";
    const theme = dark ? "dark" : "default";
    mermaid.initialize({ theme, startOnLoad: false, securityLevel: "strict", gantt: { useWidth: 880 } });
    await mermaid.run({ querySelector: "pre.mermaid" });
  } catch (error) {
    wrong = String(error.message || error).split("\n").join(" ");
  }
  document.title = `${Math.ceil(document.documentElement.getBoundingClientRect().height)} ${wrong}`;
})();
"""


class Missing(Exception):
    """A program that the pictures need is not installed."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Chromium and Mermaid, by path."""

    chromium: str
    mermaid: Path

    def take(self, body: str, picture: Path, *, theme: str) -> None:
        """Write a PNG of a page with this HTML in a theme, `light` or `dark`. Raises `RuntimeError` for a bad chart.

        Details are closed, as GitHub shows them, and what is below MAX_HEIGHT is cut off.
        """
        with tempfile.TemporaryDirectory(prefix="summary-preview-") as folder:
            page = Path(folder) / "page.html"
            page.write_text(self._html(body, theme), encoding="utf-8")
            shown = _HEIGHT.search(self._chromium(folder, page, "--dump-dom"))
            if shown is None or shown[2]:
                message = f"The page cannot be drawn: {shown[2] if shown else 'Chromium did not show it'}"
                raise RuntimeError(message)
            height = min(int(shown[1]), MAX_HEIGHT)
            self._chromium(folder, page, f"--screenshot={picture}", f"--window-size={WIDTH},{height}")
        shrink(picture)

    def _html(self, body: str, theme: str) -> str:
        style = (HERE / "github.css").read_text(encoding="utf-8")
        return (
            f'<!doctype html><html data-theme="{theme}"><head><meta charset="utf-8"><title></title>'
            f"<style>{style}</style></head>"
            f'<body>{body}<script src="{self.mermaid.as_uri()}"></script><script>{_DRAW}</script></body></html>'
        )

    def _chromium(self, folder: str, page: Path, *options: str) -> str:
        command = [
            self.chromium,
            "--headless",
            # Chromium has no sandbox for root, the user of most containers; the page is our own.
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--allow-file-access-from-files",
            "--virtual-time-budget=60000",
            f"--user-data-dir={folder}/profile",
            *options,
            page.as_uri(),
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_CHROMIUM_TIMEOUT_SECONDS)
        return done.stdout


def shrink(picture: Path) -> None:
    """Reduce the number of colours, which leaves a third of the bytes. Raises `Missing`."""
    try:
        from PIL import Image  # noqa: PLC0415 - so that a missing package is reported like a missing program
    except ImportError:
        message = "Pillow is not installed; it belongs to the dependency group `docs`."
        raise Missing(message) from None
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(picture, optimize=True)


def find_camera() -> Camera:
    """Find Chromium, and install Mermaid once. Raises `Missing`."""
    chromium = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    if chromium is None:
        message = "Chromium was not found. On Debian: apt-get install chromium fonts-noto-color-emoji"
        raise Missing(message)
    mermaid = MODULES / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
    if not mermaid.exists():
        npm = shutil.which("npm")
        if npm is None:
            message = "Mermaid comes from npm, which was not found. On Debian: apt-get install npm"
            raise Missing(message)
        MODULES.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--prefix", str(MODULES), "--no-save", "--ignore-scripts", "--silent", MERMAID]
        if subprocess.run(install, check=False).returncode or not mermaid.exists():
            message = f"npm could not install {MERMAID}. Can the registry be reached?"
            raise Missing(message)
    return Camera(chromium, mermaid)


def render(markdown: str) -> str:
    """Return the HTML of Markdown; a Mermaid block becomes an element that Mermaid draws. Raises `Missing`."""
    try:
        from markdown_it import MarkdownIt  # noqa: PLC0415 - so that a missing package is reported like a missing program
    except ImportError:
        message = "markdown-it-py is not installed; it belongs to the dependency group `test`."
        raise Missing(message) from None
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def fence(tokens, index, options, env):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        token = tokens[index]
        if token.info == "mermaid":
            return f'<pre class="mermaid">{escape(token.content)}</pre>'
        return parser.renderer.fence(tokens, index, options, env)  # type: ignore[attr-defined]

    parser.renderer.rules["fence"] = fence  # type: ignore[attr-defined]
    return str(parser.render(markdown))
