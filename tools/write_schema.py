"""Write the JSON Schema of metrics.json into the package: `make schema`, after a change of the numbers' types."""

import json
from importlib.resources import files
from pathlib import Path

from ampnet.evaluation.report import Metrics
from ampnet.reports.metrics_file import SCHEMA_FILE, schema_of

if __name__ == "__main__":
    path = Path(str(files("ampnet.reports"))) / SCHEMA_FILE
    path.write_text(json.dumps(schema_of(Metrics), indent=2) + "\n", encoding="utf-8")
    print(path)
