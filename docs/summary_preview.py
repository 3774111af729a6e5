"""`python -m docs.summary_preview [FOLDER] [STORY ...]`: job summaries of runs in the emulator, as pictures."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.preview import pictures, stories

IMAGES = Path(__file__).resolve().parent / "img"


def main(arguments: list[str]) -> int:
    """Take the pictures; 2 when this machine lacks something."""
    folder = Path(arguments[0]) if arguments else IMAGES
    unknown = [name for name in arguments[1:] if name not in stories.STORIES]
    if unknown:
        print(f"No such story: {', '.join(unknown)}. There are {', '.join(stories.STORIES)}.", file=sys.stderr)
        return 2
    try:
        camera = pictures.find_camera()
        pictures.render("")
    except pictures.Missing as missing:
        print(f"No pictures: {missing}", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or stories.STORIES:
        picture = folder / f"summary-{name}.png"
        camera.take(stories.STORIES[name](), picture)
        print(f"{picture}  {picture.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
