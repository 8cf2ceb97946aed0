"""How many images are not unaltered photographs: python -m benchmarks.photograph_traits FOLDER...

For each folder of a data set's own files: the images with each trait, mean and spread of the grey levels, and
the time that the examination takes.
"""

import sys
import time
from pathlib import Path

from ampnet.dataset.quality.original_set import SetTones, pooled_levels
from ampnet.media.alterations import DESCRIPTIONS, examine
from ampnet.reading.image_files import list_images, read_image
from benchmarks.measure import print_table


def measure(folder: Path) -> list[str]:
    """Examine all images of a folder and give its row of the table."""
    tones, flagged, seconds = SetTones(), 0, 0.0
    for path in list_images(folder):
        image = read_image(path)
        start = time.perf_counter()
        found = examine(image)
        seconds += time.perf_counter() - start
        tones.add(path.name, found.traits, (found.mean, found.spread))
        flagged += bool(found.traits)
    counts, levels = tones.counts(), pooled_levels(tones.levels)
    images = [f"{counts[trait].images:,}" if trait in counts else "0" for trait in DESCRIPTIONS]
    rest = [f"{flagged / tones.images:.2%}", f"{levels.mean:.1f}", f"{levels.spread:.1f}"]
    return [str(folder), f"{tones.images:,}", *images, *rest, f"{1000 * seconds / tones.images:.2f} ms"]


if __name__ == "__main__":
    columns = ["folder", "images", *DESCRIPTIONS, "flagged", "mean", "spread", "each"]
    print_table("Traits of source images", columns, [measure(Path(folder)) for folder in sys.argv[1:]])
