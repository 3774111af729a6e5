"""`python -m docs.summary_preview [FOLDER] [SCENARIO ...]`: reports on runs in the emulator, as pictures."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.preview import pictures, scenarios

IMAGES = Path(__file__).resolve().parent / "img"


def main(arguments: list[str]) -> int:
    """Write the pictures; 2 when a program that they need is not installed."""
    folder = Path(arguments[0]) if arguments else IMAGES
    unknown = [name for name in arguments[1:] if name not in scenarios.SCENARIOS]
    if unknown:
        print(f"No such scenario: {', '.join(unknown)}. There are {', '.join(scenarios.SCENARIOS)}.", file=sys.stderr)
        return 2
    try:
        camera = pictures.find_camera()
        pictures.render("")
    except pictures.Missing as missing:
        print(f"No pictures: {missing}", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or scenarios.SCENARIOS:
        body = scenarios.SCENARIOS[name]()
        for theme in pictures.THEMES:
            picture = folder / f"{name}-{theme}.png"
            camera.take(body, picture, theme=theme)
            print(f"{picture}  {picture.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
